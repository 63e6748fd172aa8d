using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Follows features through the checkpoints of a training.</summary>
internal sealed class SaeDynamicsCommand : Verb
{
    private const int MostExciting = 25, AtRandom = 100;

    internal override string Name => "sae dynamics";

    internal override string Description =>
        "Follows features through checkpoints of one model's training. Each coder must have been trained from the weights of the one before (sae train --init), so that a number stays with its feature. Printed are how far every direction still is from its last form, how far it moved and, with --tensors, how far the feature has formed: how alike the tokens that excite it in the end are in each checkpoint's codes.\n"
        + "Example: prisma sae dynamics --sae step100 step200 step300 --tensors x.safetensors";

    internal override void Fill(Command command, Terminal terminal)
    {
        var saes = new Option<string[]>("--sae") { Required = true, HelpName = "PATH_OR_ID", AllowMultipleArgumentsPerToken = true, Description = "The coders of the checkpoints, in order; at least two" };
        var tensors = new Option<string[]>("--tensors") { HelpName = "FILE", AllowMultipleArgumentsPerToken = true, Description = "A file with a tensor x [n, d]: the same tokens' activations at each checkpoint, or one file for all" };
        var chosen = new Option<int[]>("--feature") { HelpName = "N", AllowMultipleArgumentsPerToken = true, Description = "Show these features; default: those that moved most" };
        foreach (var option in new Option[] { saes, tensors, chosen }) command.Options.Add(option);
        var count = Common.Count(command, "--count", 20, "Without --feature: how many features");
        var coderOptions = new SaeOptions(command);
        var seed = Common.Seed(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            string[] paths = parsed.GetValue(saes)!, files = parsed.GetValue(tensors) ?? [];
            if (paths.Length < 2) throw new OptionsException("--sae: features are followed over at least two checkpoints; name their coders in order.");
            if (files.Length > 1 && files.Length != paths.Length) throw new OptionsException($"--tensors: {files.Length} files for {paths.Length} coders; give one for each, or one for all.");
            using var scope = NewDisposeScope();
            var coders = new List<ISparseCoder>();
            try
            {
                foreach (var path in paths) coders.Add(Coders.Load(Named.CoderPath(path, terminal), coderOptions.Read(parsed)));
                var dynamics = FeatureDynamics.Of([.. coders.Select(coder => coder.Directions)]);
                var total = coders[0].Card.Features;
                int[] features = parsed.GetValue(chosen) is { Length: > 0 } wanted ? wanted : [.. Enumerable.Range(0, total).OrderByDescending(k => dynamics.Displacement[k]).ThenBy(k => k).Take(parsed.GetValue(count))];
                if (features.Any(feature => feature < 0 || feature >= total)) throw new OptionsException($"--feature {features.First(feature => feature < 0 || feature >= total)}: the coders have {total} (0 to {total - 1}).");
                var progress = files.Length == 0 ? null : Progress(coders, [.. files.Select(Values)], features, parsed.GetValue(seed));
                Print(terminal, paths, dynamics, features, progress, parsed.GetValue(json));
            }
            finally
            {
                foreach (var coder in coders) coder.Dispose();
            }
            return ExitCode.Good;
        });
    }

    private static void Print(Terminal terminal, string[] paths, FeatureDynamics dynamics, int[] features, double[][]? progress, bool json)
    {
        double[] Drift(int feature) => [.. Enumerable.Range(0, paths.Length).Select(t => dynamics.Drift[t, feature])];
        double[] mean = [.. Enumerable.Range(0, paths.Length).Select(t => Enumerable.Range(0, dynamics.PathLength.Count).Average(k => dynamics.Drift[t, k]))];
        if (json)
            terminal.Json(new
            {
                checkpoints = paths,
                mean_drift = mean,
                features = features.Select((feature, k) => new { feature, drift = Drift(feature), path_length = dynamics.PathLength[feature], displacement = dynamics.Displacement[feature], progress = progress?[k] }),
            });
        else
        {
            terminal.Line("Cosine of directions with their last form, mean over all features:");
            terminal.Table(["checkpoint", "cosine"], paths.Select((path, t) => new[] { path, $"{mean[t]:f3}" }));
            string[] Ends(double[] values) => [$"{values[0]:f3}", $"{values[^1]:f3}"];
            terminal.Table(["feature", "cosine at first", "way", "straight", .. progress is null ? Array.Empty<string>() : ["formed at first", "in the end"]],
                features.Select((feature, k) => (string[])[$"{feature}", $"{dynamics.Drift[0, feature]:f3}", $"{dynamics.PathLength[feature]:f3}", $"{dynamics.Displacement[feature]:f3}", .. progress is null ? [] : Ends(progress[k])]));
        }
    }

    private static Tensor Values(string file)
    {
        using var source = TensorSource.Open(file);
        var x = source.Get("x").ToTensor().to(float32);
        return x.ndim == 2 ? x : throw new OptionsException($"'{file}': x is [{string.Join(", ", x.shape)}]; tokens and channels [n, d] are needed.");
    }

    // [feature][checkpoint]; NaN where fewer than two tokens excite a feature.
    private static double[][] Progress(List<ISparseCoder> coders, List<Tensor> values, int[] features, long seed)
    {
        Tensor At(int checkpoint) => values[values.Count == 1 ? 0 : checkpoint];
        var rows = At(0).shape[0];
        if (values.Any(value => value.shape[0] != rows)) throw new OptionsException($"--tensors: the files have {string.Join(", ", values.Select(value => value.shape[0]))} tokens; they must hold the same ones.");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        int[] random = [.. Enumerable.Range(0, (int)rows)];
        new Random((int)seed).Shuffle(random);
        random = random[..(int)Math.Min(AtRandom, rows)];
        var exciting = features.Select(_ => Array.Empty<int>()).ToArray();
        using (var last = coders[^1].Encode(At(coders.Count - 1)))
            for (var k = 0; k < features.Length; k++)
            {
                using var column = last.Column(features[k]);
                var strengths = column.data<float>().ToArray();
                exciting[k] = [.. Enumerable.Range(0, strengths.Length).Where(row => strengths[row] > 0).OrderByDescending(row => strengths[row]).ThenBy(row => row).Take(MostExciting)];
            }
        // Only tokens that are compared are encoded at the other checkpoints.
        int[] needed = [.. exciting.SelectMany(tokens => tokens).Concat(random).Distinct().Order()];
        var place = needed.Select((row, k) => (row, k)).ToDictionary(pair => pair.row, pair => pair.k);
        var some = tensor([.. needed.Select(row => (long)row)], [needed.Length]);
        var progress = features.Select(_ => new double[coders.Count]).ToArray();
        for (var t = 0; t < coders.Count; t++)
        {
            using var inner = NewDisposeScope();
            using var codes = coders[t].Encode(At(t).index_select(0, some));
            var dense = codes.ToDense();
            for (var k = 0; k < features.Length; k++)
                progress[k][t] = exciting[k].Length < 2 ? double.NaN : FeatureDynamics.Progress(dense, [.. exciting[k].Select(row => place[row])], [.. random.Select(row => place[row])], jaccard: true);
        }
        return progress;
    }
}
