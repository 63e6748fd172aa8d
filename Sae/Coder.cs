using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// What all architectures with one linear encoder and one linear decoder share; an architecture says how products with the encoder become
/// codes.
/// </summary>
public abstract class Coder : ISparseCoder
{
    private readonly CoderWeights _weights;
    private readonly List<Tensor> _owned = [];

    /// <summary>Takes over the weights.</summary>
    /// <exception cref="ShapeException">The weights or the card do not fit together.</exception>
    protected Coder(CoderCard card, CoderWeights weights)
    {
        ArgumentNullException.ThrowIfNull(card);
        ArgumentNullException.ThrowIfNull(weights);
        weights.Keep(card.Name);
        if ((card.Inputs, card.Features, card.Outputs) != (weights.Inputs, weights.Features, weights.Outputs))
            throw new ShapeException(
                $"{card.Name}: weights map {weights.Inputs} → {weights.Features} → {weights.Outputs}, the card says {card.Inputs} → {card.Features} → {card.Outputs}.");
        (Card, _weights) = (card, weights);
    }

    /// <inheritdoc/>
    public CoderCard Card { get; }

    /// <inheritdoc/>
    public Tensor Directions => _weights.Decoder;

    /// <inheritdoc/>
    public Tensor Detectors => _weights.Encoder;

    /// <summary>The weights, for folding, writing and inspection. Borrowed.</summary>
    public CoderWeights Weights => _weights;

    /// <inheritdoc/>
    public Codes Encode(Tensor x)
    {
        using var scope = NewDisposeScope();
        var rows = CoderRows.Of(Card, x).Flatten(x);
        var input = _weights.EncodesRaw ? rows : NormedInput.Of(_weights.Norm, rows).Value;
        if (_weights.InputBias is { } bias) input = input - bias;
        var codes = Select(input.matmul(_weights.EncoderTransposed));
        if (_weights.SoftCap is not { } cap) return codes;
        using (codes) return codes.Mapped(values => (values / cap).tanh() * cap);
    }

    /// <inheritdoc/>
    public Tensor Shaped(Codes codes, Tensor x)
    {
        using var scope = NewDisposeScope();
        return codes.ToDense().reshape([.. CoderRows.Of(Card, x).Leading, Card.Features]).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor? Activations(Codes codes, Tensor x)
    {
        if (_weights.CodeNorms is not { } norms) return null;
        using var scope = NewDisposeScope();
        return (Shaped(codes, x) * norms).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor DecodeAlone(Codes codes)
    {
        using var scope = NewDisposeScope();
        return (codes.Times(_weights.Decoder) + _weights.OutputBias).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor Decode(Codes codes, Tensor x)
    {
        using var scope = NewDisposeScope();
        var shape = CoderRows.Of(Card, x);
        var rows = shape.Flatten(x);
        var norm = NormedInput.Of(_weights.Norm, rows);
        var decoded = DecodeAlone(codes);
        var skipped = _weights.Skip is { } skip ? rows.matmul(skip.t()) : null;
        var prediction = skipped is null ? norm.Undo(decoded)
            : _weights.UndoCoversSkip ? norm.Undo(decoded + skipped)
            : norm.Undo(decoded) + skipped;
        return shape.Restore(prediction).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public Tensor DecodeChange(Codes change, Tensor x)
    {
        using var scope = NewDisposeScope();
        var shape = CoderRows.Of(Card, x);
        return shape.Restore(NormedInput.Of(_weights.Norm, shape.Flatten(x)).UndoScale(change.Times(_weights.Decoder))).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _weights.Dispose();
        foreach (var tensor in _owned) tensor.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Turns products with the encoder, (norm(x) − b_in)·W_enc without the bias [rows, F], into codes. Called within a scope.</summary>
    protected abstract Codes Select(Tensor products);

    /// <summary>Takes over a further float32 vector [F] of the architecture, such as thresholds.</summary>
    /// <exception cref="ShapeException">It has another shape or type.</exception>
    protected Tensor Own(string name, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (tensor.ndim != 1 || tensor.shape[0] != Card.Features || tensor.dtype != ScalarType.Float32)
            throw new ShapeException($"{Card.Name}: {name} must be float32 [{Card.Features}]; it is {tensor}.");
        _owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }
}
