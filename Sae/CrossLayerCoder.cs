using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A cross-layer transcoder: the features of each of L layers write to that layer and all later ones, x̂ᵐ = b_decᵐ + Σ_{l≤m} fˡ·W_dec(l→m).
/// Shapes as those of <see cref="TranscoderSet"/>. "Circuit Tracing" (Anthropic, 2025).
/// </summary>
public sealed class CrossLayerCoder : ICoder
{
    private readonly TranscoderSet _own;
    private readonly IReadOnlyList<IReadOnlyList<Tensor>> _further;

    /// <summary>Takes over the layers and the decoders to later layers.</summary>
    /// <param name="card">What the coder is.</param>
    /// <param name="layers">Each layer's encoder with its decoder to the same layer and that layer's output bias.</param>
    /// <param name="further">For each layer l its decoders to the layers l+1 … L−1, float32 [F, d_out].</param>
    /// <exception cref="ShapeException">Sizes do not agree.</exception>
    public CrossLayerCoder(CoderCard card, IReadOnlyList<ISparseCoder> layers, IReadOnlyList<IReadOnlyList<Tensor>> further)
    {
        ArgumentNullException.ThrowIfNull(further);
        _own = new TranscoderSet(card, layers);
        for (var layer = 0; layer < layers.Count; layer++)
        {
            if (further.Count != layers.Count || further[layer].Count != layers.Count - 1 - layer)
                throw new ShapeException($"{card.Name}: layer {layer} of {layers.Count} needs a decoder for each later layer.");
            foreach (var decoder in further[layer])
            {
                if (decoder.dtype != ScalarType.Float32 || !decoder.shape.AsSpan().SequenceEqual([card.Features, card.Outputs]))
                    throw new ShapeException($"{card.Name}: a decoder of layer {layer} is {decoder}, float32 [{card.Features}, {card.Outputs}] is needed.");
                decoder.DetachFromDisposeScope();
            }
        }
        _further = [.. further.Select(decoders => (IReadOnlyList<Tensor>)[.. decoders])];
    }

    /// <inheritdoc/>
    public CoderCard Card => _own.Card;

    /// <summary>Each layer's encoder, with its decoder to the same layer. Borrowed.</summary>
    public IReadOnlyList<ISparseCoder> Layers => _own.Layers;

    /// <summary>What the features of one layer write to the same or a later layer: [F, d_out]. Borrowed.</summary>
    public Tensor Directions(int from, int to)
    {
        if (from < 0 || to < from || to >= Layers.Count)
            throw new OptionsException($"{Card.Name} has no decoder from layer {from} to layer {to}: it has {Layers.Count} layers, and writes to the same and later ones.");
        return to == from ? Layers[from].Directions : _further[from][to - from - 1];
    }

    /// <inheritdoc/>
    public Codes Encode(Tensor x) => _own.Encode(x);

    /// <inheritdoc/>
    public Tensor Decode(Codes codes, Tensor x)
    {
        using var scope = NewDisposeScope();
        var prediction = _own.Decode(codes, x);
        return (prediction + Across(codes).reshape(prediction.shape)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor DecodeAlone(Codes codes)
    {
        using var scope = NewDisposeScope();
        return (_own.DecodeAlone(codes) + Across(codes)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Shaped(Codes codes, Tensor x) => _own.Shaped(codes, x);

    /// <inheritdoc/>
    public Tensor? Activations(Codes codes, Tensor x) => null;

    /// <inheritdoc/>
    public void Dispose()
    {
        _own.Dispose();
        foreach (var decoder in _further.SelectMany(decoders => decoders)) decoder.Dispose();
    }

    // What earlier layers write to each layer: [L·rows, d_out].
    private Tensor Across(Codes codes)
    {
        using var scope = NewDisposeScope();
        var sums = Layers.Select(_ => zeros(codes.Rows / Layers.Count, Card.Outputs)).ToArray();
        _own.Each(codes, (from, part) =>
        {
            for (var to = from + 1; to < Layers.Count; to++) sums[to] = sums[to] + part.Times(Directions(from, to));
            return sums[from];
        });
        return cat(sums).MoveToOuterDisposeScope();
    }
}
