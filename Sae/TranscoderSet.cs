using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// One transcoder for each of L layers, kept together: activations [L, ..., d_in], features [L, ..., F], predictions [L, ..., d_out]. Codes
/// hold the rows of layer 0, then those of layer 1, and so on.
/// </summary>
public sealed class TranscoderSet : ICoder
{
    /// <summary>Takes over the layers' coders.</summary>
    /// <exception cref="ShapeException">There are none, or they differ in size.</exception>
    public TranscoderSet(CoderCard card, IReadOnlyList<ISparseCoder> layers)
    {
        ArgumentNullException.ThrowIfNull(card);
        ArgumentNullException.ThrowIfNull(layers);
        if (layers.Count == 0) throw new ShapeException($"{card.Name} has no layers.");
        var wrong = layers.FirstOrDefault(layer => (layer.Card.Inputs, layer.Card.Features, layer.Card.Outputs) != (card.Inputs, card.Features, card.Outputs));
        if (wrong is not null)
            throw new ShapeException(
                $"{wrong.Card.Name} maps {wrong.Card.Inputs} → {wrong.Card.Features} → {wrong.Card.Outputs}, the other layers {card.Inputs} → {card.Features} → {card.Outputs}; open the layers one by one.");
        (Card, Layers) = (card, [.. layers]);
    }

    /// <inheritdoc/>
    public CoderCard Card { get; }

    /// <summary>The coder of each layer. Borrowed.</summary>
    public IReadOnlyList<ISparseCoder> Layers { get; }

    /// <inheritdoc/>
    public Codes Encode(Tensor x)
    {
        using var scope = NewDisposeScope();
        CheckLayers(x);
        var parts = new List<Codes>();
        try
        {
            for (var layer = 0; layer < Layers.Count; layer++) parts.Add(Layers[layer].Encode(x.select(0, layer)));
            return Codes.Concat(parts);
        }
        finally
        {
            foreach (var part in parts) part.Dispose();
        }
    }

    /// <inheritdoc/>
    public Tensor Decode(Codes codes, Tensor x)
    {
        using var scope = NewDisposeScope();
        CheckLayers(x);
        return stack([.. Each(codes, (layer, part) => Layers[layer].Decode(part, x.select(0, layer)))]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor DecodeAlone(Codes codes)
    {
        using var scope = NewDisposeScope();
        return cat([.. Each(codes, (layer, part) => Layers[layer].DecodeAlone(part))]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Shaped(Codes codes, Tensor x)
    {
        using var scope = NewDisposeScope();
        CheckLayers(x);
        return codes.ToDense().reshape([.. x.shape[..^1], Card.Features]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor? Activations(Codes codes, Tensor x) => null;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var layer in Layers) layer.Dispose();
    }

    // Makes tensors in the current scope.
    internal List<Tensor> Each(Codes codes, Func<int, Codes, Tensor> result)
    {
        var rows = codes.Rows / Layers.Count;
        var results = new List<Tensor>();
        for (var layer = 0; layer < Layers.Count; layer++)
        {
            using var part = codes.Slice(layer * rows, rows);
            results.Add(result(layer, part));
        }
        return results;
    }

    private void CheckLayers(Tensor x)
    {
        if (x.ndim < 2 || x.shape[0] != Layers.Count || x.shape[^1] != Card.Inputs)
            throw new ShapeException(
                $"{Card.Name} reads {Layers.Count} layers of {Card.Inputs}: [{Layers.Count}, ..., {Card.Inputs}]; the activations are [{string.Join(", ", x.shape)}].");
    }
}
