using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>The k largest pre-activations of each row as they are: f = TopK_k((x − b_in)·W_enc + b_enc), negative values kept.</summary>
public sealed class SignedTopKCoder : Coder
{
    /// <summary>Takes over the weights.</summary>
    /// <exception cref="OptionsException">k is not between 1 and the number of features.</exception>
    public SignedTopKCoder(CoderCard card, CoderWeights weights, int k) : base(card, weights)
    {
        if (k < 1 || k > Card.Features) throw new OptionsException($"{Card.Name}: k = {k} must be between 1 and the number of features, {Card.Features}.");
        K = k;
    }

    /// <summary>How many features a row keeps.</summary>
    public int K { get; }

    /// <inheritdoc/>
    protected override Codes Select(Tensor products)
    {
        var (values, indices) = (products + Weights.EncoderBias).topk(K, 1, sorted: false);
        return SparseCodes.FromRows(values, indices, Card.Features);
    }
}
