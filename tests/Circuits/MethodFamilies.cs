using System.Text;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>
/// Which attribution method works on which model family: every method is asked about a tiny model of every family, and either answers with
/// finite maps or says why it does not apply. docs/methods.md is what this finds.
/// </summary>
public sealed class MethodFamilies
{
    private static readonly AttributionOptions s_quick = new() { Steps = 2, Samples = 2, Window = 2, Stride = 2, Batch = 4 };

    [Fact]
    public void Every_method_answers_for_every_family_or_says_why_not()
    {
        var faults = new List<string>();
        var page = Page(faults);
        Assert.True(faults.Count == 0, string.Join('\n', faults));
        GeneratedPage.Check("methods.md", page);
    }

    private static string Page(List<string> faults)
    {
        var methods = AttributionMethod.All.Where(method => !method.IsBaseline).ToList();
        var reasons = new List<string>();
        var (rows, bare) = (new StringBuilder(), new SortedDictionary<string, List<string>>(StringComparer.Ordinal));
        foreach (var family in Models.Catalog.Families.OrderBy(family => family.Name, StringComparer.Ordinal))
        {
            using var model = family.Tiny();
            using var inputs = new TinyInput(model);
            var cells = methods.Select(method => Ask(method, model, Seen(inputs.Input), faults)).ToList();
            if (cells.All(cell => cell is not null) && cells.Distinct().Count() == 1)
            {
                if (!bare.TryGetValue(cells[0]!, out var alike)) bare[cells[0]!] = alike = [];
                alike.Add(family.Name);
                continue;
            }
            rows.Append($"| {family.Name} |");
            foreach (var cell in cells)
            {
                if (cell is not null && !reasons.Contains(cell)) reasons.Add(cell);
                rows.Append(cell is null ? " ✓ |" : $" [{reasons.IndexOf(cell) + 1}] |");
            }
            rows.Append('\n');
        }
        var page = new StringBuilder("# Which attribution method works on which model family\n\nMade by the tests: every method was asked about a tiny model of every family.\n✓: finite maps of the class that the model chose or, where it has no classes, of one coordinate of its output or embedding; a number: why it does not apply, below.\n\n| family |");
        foreach (var method in methods) page.Append($" {method.Name} |");
        page.Append("\n| --- |").Append(string.Concat(methods.Select(_ => " :-: |"))).Append('\n').Append(rows).Append('\n');
        for (var k = 0; k < reasons.Count; k++) page.Append($"{k + 1}. {reasons[k]}\n");
        page.Append("\nNo method applies to:\n");
        foreach (var (reason, families) in bare) page.Append($"- {string.Join(", ", families)}: {reason}\n");
        page.Append("\n## What the methods are\n\n| method | what it does | what a value is | signed | depends on the class |\n| --- | --- | --- | :-: | :-: |\n");
        foreach (var method in methods) page.Append($"| {method.Name} | {method.Summary} | {method.Meaning} | {(method.Signed ? "yes" : "no")} | {(method.UsesTarget ? "yes" : "no")} |\n");
        return page.ToString();
    }

    // Masks choose what a predictor is asked about; a picture or clip is explained without.
    private static ModelInput Seen(ModelInput input)
    {
        var seen = new ModelInput();
        foreach (var (name, tensor) in input)
            if (!name.EndsWith("_mask", StringComparison.Ordinal) || input.Any(other => other.Key == "input_ids")) seen.Add(name, tensor);
        return seen;
    }

    // Null where it answers; otherwise the reason, without the names that differ from family to family.
    private static string? Ask(AttributionMethod method, HookedModel model, ModelInput input, List<string> faults)
    {
        using var scope = NewDisposeScope();
        try
        {
            if (model.LayoutOf(input) is null) return "its tokens have no place in a picture";
            var maps = method.Explain(model, input, Question(model, input), s_quick);
            Assert.All(maps, map => Assert.All(map.Heatmap.Values.ToArray(), value => Assert.True(float.IsFinite(value))));
            return null;
        }
        catch (NotApplicableException error)
        {
            var text = error.Message.Replace(model.Card.Name, "the model", StringComparison.Ordinal);
            var start = text.IndexOf("apply: ", StringComparison.Ordinal);
            return (start < 0 ? text : text[(start + 7)..]).Replace(" Choose another method.", "", StringComparison.Ordinal).TrimEnd('.');
        }
        catch (Exception error)
        {
            // Anything but a reason is a fault; all of them are told at once.
            faults.Add($"{method.Name} on {model.Card.Family}: {error.GetType().Name}: {error.Message}");
            return "a fault";
        }
    }

    private static Coordinate? Question(HookedModel model, ModelInput input)
    {
        using var plain = model.Run(input, HookPlan.Empty);
        return plain.Outputs.ContainsKey("logits") ? null : new Coordinate();
    }

    /// <summary>One coordinate of a model's main output, for models without classes.</summary>
    private sealed class Coordinate : Target
    {
        public override string Name => "a coordinate of the output";

        public override Tensor Of(Recording recording) => recording.Outputs.GetValueOrDefault("image_embeds", recording.Main).flatten(1).select(1, 0);
    }
}
