using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Makes a classifier forget a class by clamping features.</summary>
internal sealed class SaeUnlearnCommand : Verb
{
    internal override string Name => "sae unlearn";

    internal override string Description =>
        "Makes a classifier forget a class: features that fire on it and hardly elsewhere are set to a negative value wherever they fire. Every other picture of either kind chooses the features, the rest measures the accuracy before and after.\n"
        + "Example: prisma sae unlearn --sae weights/demo/sae --model weights/demo/vit --image pictures --labels labels.tsv --forget circle";

    internal override void Fill(Command command, Terminal terminal)
    {
        var run = new CoderRunOptions(command);
        var labels = new Option<string>("--labels") { Required = true, HelpName = "FILE", Description = "Lines of picture, tab or comma, class" };
        var forget = new Option<string>("--forget") { Required = true, HelpName = "CLASS", Description = "The class to forget, by name or number" };
        var most = new Option<double>("--most") { HelpName = "SHARE", DefaultValueFactory = _ => 0.01, Description = "On which share of the other pictures' tokens a feature may fire" };
        var value = new Option<double?>("--value") { HelpName = "X", Description = "What features are set to, not above 0; default: minus the largest activation of any of them" };
        foreach (var option in new Option[] { labels, forget, most, value }) command.Options.Add(option);
        var count = Common.Count(command, "--count", 10, "At most so many features");
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(value) is > 0 and var above) throw new OptionsException($"--value {above}: a feature that is set above 0 is not forgotten; give 0 or less.");
            if (parsed.GetValue(most) is var share && share is < 0 or > 1) throw new OptionsException($"--most {share}: a share from 0 to 1.");
            using var scope = NewDisposeScope();
            using var opened = run.Open(parsed, terminal);
            var file = new LabelFile(parsed.GetValue(labels)!);
            var sights = opened.Sights(opened.Named);
            int[] classes = [.. sights.Names.Select(name => file.ClassOf(name, opened.Model.Card))];
            var wanted = LabelFile.NumberOf(parsed.GetValue(forget)!, opened.Model.Card);
            var (own, others) = (Set.Of(sights, classes, index => classes[index] == wanted), Set.Of(sights, classes, index => classes[index] != wanted));
            foreach (var (set, what) in new[] { (own, $"of class {parsed.GetValue(forget)}"), (others, "of other classes") })
                if (set.Choosing.Count == 0 || set.Measuring.Count == 0) throw new OptionsException($"At least two pictures {what} are needed, one to choose features and one to measure; {set.Choosing.Count} {(set.Choosing.Count == 1 ? "was" : "were")} given.");
            var (fires, elsewhere) = (Densities(opened, own), Densities(opened, others));
            var features = FeatureUnlearning.Choose(fires, elsewhere, share, parsed.GetValue(count));
            if (features.Count == 0) throw new OptionsException($"No feature fires on class {parsed.GetValue(forget)} and on at most {share:p1} of the other pictures' tokens: raise --most.");
            var clamp = parsed.GetValue(value) ?? -Highest(opened, own, features);
            (double Before, double After) Accuracy(Set set) => (set.Mean(opened.Batch, (part, truth) => FeatureUnlearning.Accuracy(opened.Model, opened.Coder, [], clamp, part, truth, opened.Splice)),
                set.Mean(opened.Batch, (part, truth) => FeatureUnlearning.Accuracy(opened.Model, opened.Coder, features, clamp, part, truth, opened.Splice)));
            var (forgotten, kept) = (Accuracy(own), Accuracy(others));
            if (opened.Json)
                terminal.Json(new
                {
                    forget = ClassName.Of(wanted, opened.Model.Card.Labels),
                    value = clamp,
                    features = features.Select(feature => new { feature, fires = fires[feature], elsewhere = elsewhere[feature] }),
                    forgotten = new { forgotten.Before, forgotten.After, pictures = own.Measuring.Count },
                    kept = new { kept.Before, kept.After, pictures = others.Measuring.Count },
                });
            else
            {
                terminal.Table(["feature", "fires on it", "elsewhere"], features.Select(feature => new[] { $"{feature}", $"{fires[feature]:p2}", $"{elsewhere[feature]:p2}" }));
                terminal.Line($"Set to {clamp:g4} wherever they fire:");
                terminal.Table(["accuracy on", "before", "after", "pictures"], [[$"class {ClassName.Of(wanted, opened.Model.Card.Labels)}", $"{forgotten.Before:p1}", $"{forgotten.After:p1}", $"{own.Measuring.Count}"], ["all others", $"{kept.Before:p1}", $"{kept.After:p1}", $"{others.Measuring.Count}"]]);
            }
            return ExitCode.Good;
        });
    }

    private static double[] Densities(CoderRun run, Set set)
    {
        var sums = new double[run.Coder.Card.Features];
        foreach (var part in set.Choosing)
        {
            var shares = FeatureUnlearning.Densities(run.Model, run.Coder, part.Pixels, run.Splice);
            for (var k = 0; k < sums.Length; k++) sums[k] += shares[k] / set.Choosing.Count;
        }
        return sums;
    }

    private static double Highest(CoderRun run, Set set, IReadOnlyList<int> features)
    {
        using var scope = NewDisposeScope();
        var chosen = tensor([.. features.Select(feature => (long)feature)], [features.Count]);
        return set.Choosing.Max(part => PooledFeatures.Of(run.Model, run.Coder, part.Pixels, Pooling.Max, run.Splice).index_select(1, chosen).max().item<float>());
    }

    /// <summary>Pictures of one kind by turns: one chooses, the next measures.</summary>
    private sealed record Set(IReadOnlyList<(Tensor Pixels, int Class)> Choosing, IReadOnlyList<(Tensor Pixels, int Class)> Measuring)
    {
        internal static Set Of(Sights sights, int[] classes, Func<int, bool> belongs)
        {
            var parts = sights.ToTensors(1);
            var own = Enumerable.Range(0, classes.Length).Where(belongs).Select((index, k) => (k, Part: (parts[index], classes[index]))).ToLookup(one => one.k % 2, one => one.Part);
            return new Set([.. own[0]], [.. own[1]]);
        }

        internal double Mean(int batch, Func<ModelInput, IReadOnlyList<int>, double> accuracy) =>
            Measuring.Chunk(batch).Sum(part =>
            {
                using var scope = NewDisposeScope();
                return part.Length * accuracy(cat([.. part.Select(one => one.Pixels)], 0), [.. part.Select(one => one.Class)]);
            }) / Measuring.Count;
    }
}
