using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Finds patches whose vectors are far longer than others' in the same block: large ViTs without register tokens keep global information in
/// a few patches of low content (Darcet et al. 2024, "Vision Transformers Need Registers"), and heatmaps show them as artefacts. A patch counts
/// where its norm is above median + 6·1.4826·MAD of all patches of all pictures, and above three medians.
/// </summary>
public static class OutlierTokens
{
    // 1.4826·MAD is the standard deviation where norms are normal.
    private const double Deviations = 6, MadToDeviation = 1.4826, Medians = 3;

    /// <summary>What leaves each block, in forward order.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batches">Pictures of one size. Borrowed one after another.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <exception cref="NotApplicableException">The tokens have no place on a picture, or the stream has others.</exception>
    public static IReadOnlyList<BlockOutliers> Measure(HookedModel model, IEnumerable<ModelInput> batches, string part = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batches);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var streams = new PatchGrid(Site.ResidPost, PatchAxes.Layer) { Part = part }.Sites(model);
        var patterns = model.Points.Select(point => point.Site).Where(site => site.Kind == Site.Pattern && site.Path.Part == part).ToDictionary(site => site.Path.Layer);
        var rows = streams.Select(_ => new List<Tensor>()).ToArray();
        TokenLayout? layout = null;
        foreach (var batch in batches)
        {
            using var inner = NewDisposeScope();
            var here = model.LayoutOf(batch) ?? throw new NotApplicableException($"Outlier tokens do not apply: the tokens of {model.Card.Name} have no place on a picture.");
            if ((layout ??= here) != here) throw new OptionsException("The pictures differ in size; measure one size at a time.");
            using var recording = model.Run(batch, HookPlan.Empty.Keep([.. streams, .. patterns.Values]).StopAfter(streams[^1]));
            for (var k = 0; k < streams.Count; k++)
            {
                // Who looks at a token that leaves a block is the next block.
                var attention = patterns.TryGetValue(streams[k].Path.Layer + 1, out var next) ? recording.Cache[next] : null;
                rows[k].Add(Read(recording.Cache[streams[k]], attention, here).MoveToOtherDisposeScope(scope));
            }
        }
        if (layout is null) throw new OptionsException("There are no pictures to look at.");
        return [.. streams.Select((site, k) => Find(cat([.. rows[k]], 0), layout, site.Path.Layer))];
    }

    /// <summary>The outliers of given vectors.</summary>
    /// <param name="stream">[B, tokens, d]. Borrowed.</param>
    /// <param name="layout">Where the tokens lie.</param>
    /// <param name="attention">The pattern that reads them, [B, H, tokens, tokens]; null: not known.</param>
    /// <param name="layer">The block that they leave.</param>
    public static BlockOutliers Of(Tensor stream, TokenLayout layout, Tensor? attention = null, int layer = 0)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(layout);
        using var scope = NewDisposeScope();
        return Find(Read(stream, attention, layout), layout, layer);
    }

    // Of each patch its norm, the attention it gets and its cosine with the first prefix token; NaN where there is none: [B, patches, 3].
    private static Tensor Read(Tensor stream, Tensor? attention, TokenLayout layout)
    {
        using var scope = NewDisposeScope();
        if (layout.Frames != 1) throw new NotApplicableException("Outlier tokens do not apply to videos.");
        if (stream.ndim != 3 || stream.shape[1] != layout.Tokens)
            throw new NotApplicableException($"Outlier tokens do not apply: the stream is [{string.Join(", ", stream.shape)}], the picture has {layout.Tokens} tokens.");
        var all = stream.to(ScalarType.Float32);
        Tensor Patches(Tensor values) => values.narrow(1, layout.Prefix, layout.GridTokens);
        var norms = all.norm(-1);
        var unknown = norms.full_like(float.NaN);
        var sees = attention is not null && attention.ndim == 4 && attention.shape[2] == layout.Tokens && attention.shape[3] == layout.Tokens;
        var incoming = sees ? attention!.to(ScalarType.Float32).mean([1, 2]) : unknown;
        var cosines = layout.Prefix > 0 ? (all * all.narrow(1, 0, 1)).sum(-1) / (norms * norms.narrow(1, 0, 1)).clamp_min(1e-12) : unknown;
        return stack([Patches(norms), Patches(incoming), Patches(cosines)], 2).cpu().MoveToOuterDisposeScope();
    }

    private static BlockOutliers Find(Tensor read, TokenLayout layout, int layer)
    {
        float[] Column(int k) => Numbers.Of(read.select(2, k).contiguous());
        var (norms, incoming, cosines) = (Column(0), Column(1), Column(2));
        var median = Median(norms);
        var spread = Median([.. norms.Select(norm => (float)Math.Abs(norm - median))]);
        var threshold = Math.Max(median + Deviations * MadToDeviation * spread, Medians * median);
        var found = Enumerable.Range(0, norms.Length).Where(k => norms[k] > threshold).ToList();
        double? Mean(IEnumerable<int> which, float[] values) => which.Where(k => !float.IsNaN(values[k])).Select(k => (double?)values[k]).Average();
        return new BlockOutliers
        {
            Layer = layer,
            Patches = norms.Length,
            Median = median,
            Threshold = threshold,
            Tokens = [.. found.Select(k => new OutlierToken(k / layout.GridTokens, k % layout.GridTokens / layout.Columns, k % layout.Columns, norms[k]))],
            Attention = Mean(found, incoming),
            UsualAttention = Mean(Enumerable.Range(0, norms.Length).Except(found), incoming),
            Cosine = Mean(found, cosines),
            UsualCosine = Mean(Enumerable.Range(0, norms.Length).Except(found), cosines),
        };
    }

    private static double Median(float[] values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2.0;
    }
}
