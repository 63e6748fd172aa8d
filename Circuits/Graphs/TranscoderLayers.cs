using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>The transcoders of a model's MLPs, one for each block, or a cross-layer transcoder. Borrows them.</summary>
public sealed class TranscoderLayers
{
    private readonly IReadOnlyList<ISparseCoder> _coders;
    private readonly CrossLayerCoder? _crossing;

    private TranscoderLayers(IReadOnlyList<ISparseCoder> coders, CrossLayerCoder? crossing, SiteKind reads)
    {
        if (coders.Count == 0) throw new OptionsException("An attribution graph needs a transcoder for each block.");
        (_coders, _crossing, Reads) = (coders, crossing, reads);
    }

    /// <summary>The number of blocks.</summary>
    public int Count => _coders.Count;

    /// <summary>Features of each block.</summary>
    public int Features => _coders[0].Card.Features;

    /// <summary>The kind of place that they read.</summary>
    public SiteKind Reads { get; }

    /// <summary>One transcoder for each block, in order.</summary>
    /// <param name="coders">The transcoders.</param>
    /// <param name="reads">The kind of place that they read; null: what their files say.</param>
    /// <exception cref="OptionsException">They do not say, or differ.</exception>
    public static TranscoderLayers Of(IReadOnlyList<ISparseCoder> coders, SiteKind? reads = null)
    {
        ArgumentNullException.ThrowIfNull(coders);
        return new TranscoderLayers(coders, null, reads ?? Stated(coders.SelectMany(coder => coder.Card.Reads)));
    }

    /// <summary>A set of transcoders.</summary>
    public static TranscoderLayers Of(TranscoderSet set, SiteKind? reads = null)
    {
        ArgumentNullException.ThrowIfNull(set);
        return new TranscoderLayers(set.Layers, null, reads ?? Stated(set.Card.Reads));
    }

    /// <summary>A cross-layer transcoder.</summary>
    public static TranscoderLayers Of(CrossLayerCoder coder, SiteKind? reads = null)
    {
        ArgumentNullException.ThrowIfNull(coder);
        return new TranscoderLayers(coder.Layers, coder, reads ?? Stated(coder.Card.Reads));
    }

    /// <summary>Strengths of a block's features, [B·P, F]. The caller disposes them.</summary>
    internal Codes Encode(int layer, Tensor value) => _coders[layer].Encode(value);

    /// <summary>What a feature reads, [d].</summary>
    internal Tensor Detector(int layer, int feature) => _coders[layer].Detectors[feature];

    /// <summary>What a feature writes to a block, [d]; null where it does not reach it.</summary>
    internal Tensor? Direction(int from, int to, int feature) => Directions(from, to)?[feature];

    /// <summary>What all features of a block write to another, [F, d]; null where they do not reach it. Borrowed.</summary>
    internal Tensor? Directions(int from, int to) => _crossing is { } crossing
        ? to >= from ? crossing.Directions(from, to) : null
        : to == from ? _coders[from].Directions : null;

    /// <summary>W_skip of a block's transcoder, [d, d], used as x·W_skipᵀ; null without a skip connection. Borrowed.</summary>
    internal Tensor? Skip(int layer) => (_coders[layer] as Coder)?.Weights.Skip;

    internal void Check(int layer, Tensor value) => LinearWriting.Check(_coders[layer], value, skips: true);

    private static SiteKind Stated(IEnumerable<HookSite> sites)
    {
        var kinds = sites.Select(site => site.Kind).Distinct().ToList();
        return kinds.Count == 1 ? kinds[0] : throw new OptionsException(kinds.Count == 0
            ? "The transcoders do not say which place they read: name its kind."
            : $"The transcoders read different kinds of place ({string.Join(", ", kinds)}): name one.");
    }
}
