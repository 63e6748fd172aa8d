using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>What two sparse coders have in common, or both models of a crosscoder, or a coder with itself.</summary>
internal sealed class SaeCompareCommand : Verb
{
    internal override string Name => "sae compare";

    internal override string Description =>
        "Compares two sparse coders: features that they share (assignment by decoder and by encoder), matched without data (SAE Match) and, with --tensors, stitched from the smaller to the larger. A crosscoder of two places is compared within: what belongs to either model. --meta takes a coder's own directions apart.\n"
        + "Example: prisma sae compare --sae seed0 --with seed1\nExample: prisma sae compare --sae small --with large --tensors x.safetensors\nExample: prisma sae compare --sae weights/demo/sae --meta 100";

    internal override void Fill(Command command, Terminal terminal)
    {
        var sae = SaeOptions.Sae(command);
        var with = new Option<string?>("--with") { HelpName = "PATH_OR_ID", Description = "The coder that it is compared with" };
        var tensors = new Option<string?>("--tensors") { HelpName = "FILE", Description = "A file with a tensor x of activations, [n, d]; [n, 2, d] for a crosscoder" };
        var threshold = new Option<double>("--threshold") { HelpName = "COSINE", DefaultValueFactory = _ => 0.7, Description = "From which cosine on features count as the same" };
        var meta = new Option<int?>("--meta") { HelpName = "N", Description = "Train a meta-dictionary of N features on the coder's directions" };
        foreach (var option in new Option[] { with, tensors, threshold, meta }) command.Options.Add(option);
        var coderOptions = new SaeOptions(command);
        var threads = Common.Threads(command);
        var seed = Common.Seed(command);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            using var scope = NewDisposeScope();
            using var one = Coders.LoadAny(Named.CoderPath(parsed.GetValue(sae)!, terminal), coderOptions.Read(parsed));
            using var other = parsed.GetValue(with) is { } path ? Coders.LoadAny(Named.CoderPath(path, terminal), coderOptions.Read(parsed)) : null;
            var x = parsed.GetValue(tensors) is { } file ? Values(file) : null;
            var cosine = parsed.GetValue(threshold);
            var found = (other, parsed.GetValue(meta)) switch
            {
                (not null, _) => Two(Sparse(one), Sparse(other), x, cosine),
                (null, { } count) => [Meta(Sparse(one), count, parsed.GetValue(seed))],
                _ when one.Card.Sites == 2 => [Diff(one, x)],
                _ => throw new OptionsException("Name a second coder (--with), a crosscoder of two places, or --meta."),
            };
            if (parsed.GetValue(json)) terminal.Json(found.ToDictionary(part => part.Name, part => part.Json));
            else
                foreach (var part in found)
                {
                    terminal.Line(part.Text);
                    if (part.Rows.Count > 0) terminal.Table(part.Headings, part.Rows);
                }
            return ExitCode.Good;
        });
    }

    private sealed record Part(string Name, string Text, string[] Headings, IReadOnlyList<string[]> Rows, object Json);

    private static ISparseCoder Sparse(ICoder coder) => coder as ISparseCoder ?? throw new OptionsException($"{coder.Card.Name} is no coder with one list of features.");

    private static Tensor Values(string file)
    {
        using var source = TensorSource.Open(file);
        return source.Get("x").ToTensor().to(float32);
    }

    private static List<Part> Two(ISparseCoder one, ISparseCoder other, Tensor? x, double threshold)
    {
        var parts = new List<Part>();
        if (one.Card.Features == other.Card.Features)
        {
            var overlap = SeedOverlap.Of(one, other, threshold);
            parts.Add(new Part("overlap", $"{overlap.Share:p1} of the features are shared (both assignments agree, both cosines at least {threshold}); mean decoder cosine of partners {overlap.MeanCosine:f3}, best cosine at least {threshold} for {overlap.BestCosines.Average(best => best >= threshold ? 1.0 : 0):p1}.",
                [], [], new { overlap.Share, overlap.MeanCosine, overlap.Partner, overlap.Cosines, overlap.Shared, overlap.BestCosines }));
            var match = LayerMatch.Of(one, other);
            parts.Add(new Part("match", $"Matched by directions and detectors in folded scales: mean squared distance {match.MeanError:g4}, mean decoder cosine {match.MeanCosine:f3}.", [], [], new { match.Partner, match.MeanError, match.MeanCosine }));
        }
        else if (x is null) throw new OptionsException($"The coders have {one.Card.Features} and {other.Card.Features} features; such are stitched, which needs activations (--tensors).");
        if (x is null) return parts;
        var (small, large) = one.Card.Features <= other.Card.Features ? (one, other) : (other, one);
        var stitching = Stitching.Of(small, large, x, threshold);
        var (first, last) = (stitching.Steps[0], stitching.Steps[^1]);
        var novel = stitching.Novel(threshold);
        parts.Add(new Part("stitching", $"{novel.Count} of {large.Card.Features} features of the larger are new (cosine below {threshold}), {novel.Count(k => stitching.Changes[k] < 0)} of them lower the error when added alone; of the others {Enumerable.Range(0, large.Card.Features).Except(novel).Count(k => stitching.Changes[k] < 0)} do. The cosine tells those that help with an area under the curve of {stitching.Auc:f3}.",
            ["", "squared error", "active features"], [["smaller", $"{first.Mse:g4}", $"{first.Active:f1}"], ["new ones added", $"{stitching.Steps.TakeWhile(step => step.Removed.Count == 0).Last().Mse:g4}", $"{stitching.Steps.TakeWhile(step => step.Removed.Count == 0).Last().Active:f1}"], ["larger", $"{last.Mse:g4}", $"{last.Active:f1}"]],
            new { novel, stitching.Auc, stitching.Cosines, stitching.Nearest, stitching.Changes, steps = stitching.Steps }));
        return parts;
    }

    private static Part Diff(ICoder crosscoder, Tensor? x)
    {
        var features = x is null ? CrosscoderDiff.Of(crosscoder) : CrosscoderDiff.Of(crosscoder, x);
        double Share(Func<DiffedFeature, bool> which) => features.Average(feature => which(feature) ? 1.0 : 0);
        return new Part("difference", $"{Share(feature => feature.Share < 0.1):p1} of the features are written by the first model alone (share of the second below 0.1), {Share(feature => feature.Share > 0.9):p1} by the second alone, {Share(feature => feature.Share is > 0.3 and < 0.7):p1} by both."
            + (x is null ? "" : $" Of those of one model, {features.Where(feature => feature.Share is < 0.1 or > 0.9).Select(feature => feature.ErrorRatio < 0.2 && feature.ReconstructionRatio < 0.5 ? 1.0 : 0).DefaultIfEmpty(0).Average():p1} stay so after latent scaling (error ratio below 0.2, reconstruction ratio below 0.5)."),
            ["feature", "share of the second", "cosine", "error ratio", "reconstruction ratio"],
            [.. features.Select((feature, k) => (feature, k)).OrderByDescending(pair => Math.Abs(pair.feature.Share - 0.5)).Take(20).Select(pair => new[] { $"{pair.k}", $"{pair.feature.Share:f3}", $"{pair.feature.Cosine:f3}", $"{pair.feature.ErrorRatio:f3}", $"{pair.feature.ReconstructionRatio:f3}" })],
            features);
    }

    private static Part Meta(ISparseCoder coder, int count, long seed)
    {
        using var meta = MetaDictionary.Train(coder, new MetaOptions { Features = count, Seed = seed });
        var rows = Enumerable.Range(0, count).Select(k => (Meta: k, Members: meta.Members(k))).OrderByDescending(row => row.Members.Count).ToList();
        return new Part("meta", $"{count} meta-features explain {meta.Explained:p1} of the variance of {coder.Card.Features} directions.", ["meta-feature", "features", "most"],
            [.. rows.Take(20).Select(row => new[] { $"{row.Meta}", $"{row.Members.Count}", string.Join(" ", row.Members.Take(6).Select(member => member.Feature)) })],
            new { meta.Explained, metas = rows.Select(row => new { row.Meta, members = row.Members.Select(member => new { member.Feature, member.Weight }) }) });
    }
}
