using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>A batch on which a coder is evaluated inside its model. Owns the tensors that it is given to keep.</summary>
public sealed class EvaluationBatch : IDisposable
{
    private readonly List<Tensor> _kept = [];

    /// <summary>The model's input.</summary>
    public required ModelInput Input { get; init; }

    /// <summary>Losses by name; each knows the labels of this batch.</summary>
    public IReadOnlyDictionary<string, ExampleLoss> Losses { get; init; } = new Dictionary<string, ExampleLoss>();

    /// <summary>
    /// Embeddings [B, e] of the batch's pictures for the monosemanticity score, from a plain pass or from elsewhere; null: no such score. The
    /// caller disposes what it returns.
    /// </summary>
    public Func<Recording, Tensor>? Embed { get; init; }

    /// <summary>Takes over tensors that live as long as the batch.</summary>
    public EvaluationBatch Owning(params IEnumerable<Tensor> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        foreach (var tensor in tensors) _kept.Add(tensor.DetachFromDisposeScope());
        return this;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in _kept) tensor.Dispose();
    }
}
