using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The k pre-activations of largest magnitude of each row, with their signs, so that one feature serves both directions. "AbsTopK: Rethinking
/// Sparse Autoencoders For Bidirectional Features" (2025); also sparsify's early <c>signed</c> coders.
/// </summary>
public sealed class AbsTopKCoder : Coder
{
    /// <summary>Takes over the weights.</summary>
    /// <exception cref="OptionsException">k is not between 1 and the number of features.</exception>
    public AbsTopKCoder(CoderCard card, CoderWeights weights, int k) : base(card, weights)
    {
        if (k < 1 || k > Card.Features) throw new OptionsException($"{Card.Name}: k = {k} must be between 1 and the number of features, {Card.Features}.");
        K = k;
    }

    /// <summary>How many features a row keeps.</summary>
    public int K { get; }

    /// <inheritdoc/>
    protected override Codes Select(Tensor products)
    {
        var pre = products + Weights.EncoderBias;
        var (_, indices) = pre.abs().topk(K, 1, sorted: false);
        return SparseCodes.FromRows(pre.gather(1, indices), indices, Card.Features);
    }
}
