using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Tells which features are worth steering with.</summary>
internal sealed class SaeSteeringCommand : Verb
{
    internal override string Name => "sae steering";

    internal override string Description =>
        "Scores features by whether they detect and whether they cause: the input score is the share of the pictures exciting a feature whose answer is a class that its direction promotes; the output score is near 1 where driving the feature on an even grey picture decides the answer. Below an output score of 0.01 a feature is not worth steering with.\n"
        + "Example: prisma sae steering --sae weights/demo/sae --model weights/demo/vit --image pictures";

    internal override void Fill(Command command, Terminal terminal)
    {
        var defaults = new SteeringOptions();
        var run = new CoderRunOptions(command);
        var chosen = new Option<int[]>("--feature") { HelpName = "N", AllowMultipleArgumentsPerToken = true, Description = "Score these features; default: those that the pictures excite most" };
        command.Options.Add(chosen);
        var count = Common.Count(command, "--count", 20, "Without --feature: how many features");
        var promoted = Common.Count(command, "--promoted", defaults.Promoted, "Classes that count as promoted by a feature; at most half of all");
        var strength = new Option<double>("--strength") { HelpName = "X", DefaultValueFactory = _ => defaults.Strength, Description = "So many times its highest activation is added to drive a feature" };
        command.Options.Add(strength);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            using var opened = run.Open(parsed, terminal);
            int[] features = parsed.GetValue(chosen) ?? [];
            opened.Check(features);
            var batches = opened.Sights(opened.Named).ToTensors(opened.Batch).Select(part => (ModelInput)part).ToList();
            if (features.Length == 0) features = Excited(opened, batches, parsed.GetValue(count));
            var options = defaults with { Promoted = parsed.GetValue(promoted), Strength = parsed.GetValue(strength), Splice = opened.Splice };
            using var neutral = batches[0].Single().Value.narrow(0, 0, 1).zeros_like();
            var scores = SteeringScores.Of(opened.Model, opened.Coder, batches, neutral, features, options).OrderByDescending(score => score.Output).ToList();
            string Class(int index) => ClassName.Of(index, opened.Model.Card.Labels);
            if (opened.Json) terminal.Json(scores.Select(score => new { score.Feature, score.Output, score.Input, promoted = score.Promoted.Select(index => new { index, name = Class(index) }) }));
            else terminal.Table(["feature", "output score", "input score", "promotes"], scores.Select(score => new[] { $"{score.Feature}", $"{score.Output:f4}", double.IsNaN(score.Input) ? "too few" : $"{score.Input:f3}", string.Join(", ", score.Promoted.Take(3).Select(Class)) }));
            return ExitCode.Good;
        });
    }

    // By the mean over pictures of their highest activation: what fires strongly and often.
    private static int[] Excited(CoderRun run, IReadOnlyList<ModelInput> batches, int count)
    {
        using var scope = NewDisposeScope();
        var sum = zeros(run.Coder.Card.Features);
        foreach (var batch in batches) sum += PooledFeatures.Of(run.Model, run.Coder, batch, Pooling.Max, run.Splice).sum(0L);
        var (values, indices) = sum.topk(Math.Min(count, run.Coder.Card.Features));
        int[] found = [.. indices.data<long>().ToArray().Zip(values.data<float>().ToArray()).Where(pair => pair.Second > 0).Select(pair => (int)pair.First)];
        return found.Length > 0 ? found : throw new OptionsException("None of the coder's features fires on these pictures.");
    }
}
