using Prisma.Core;
using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The k largest pre-activations of each row, negative ones then set to zero: f = ReLU(TopK_k((x − b_in)·W_enc + b_enc)). "Scaling and
/// evaluating sparse autoencoders" (Gao et al. 2024). Codes in units of the written length (SAELens' rescale_acts_by_decoder_norm) are folded
/// into the weights beforehand; ranking alone by <see cref="CoderWeights.CodeNorms"/> leaves the codes as they are.
/// </summary>
public sealed class TopKCoder : Coder
{
    /// <summary>Takes over the weights.</summary>
    /// <exception cref="OptionsException">k is not between 1 and the number of features.</exception>
    public TopKCoder(CoderCard card, CoderWeights weights, int k) : base(card, weights)
    {
        if (k < 1 || k > Card.Features) throw new OptionsException($"{Card.Name}: k = {k} must be between 1 and the number of features, {Card.Features}.");
        K = k;
    }

    /// <summary>How many features a row keeps at most.</summary>
    public int K { get; }

    /// <inheritdoc/>
    protected override Codes Select(Tensor products)
    {
        if (Weights.CodeNorms is not { } norms)
            return new SparseCodes(SparseKernels.TopK(products, Weights.EncoderBias, K, positiveOnly: true), Card.Features);
        // Ranked by written length, kept as they are.
        var pre = products + Weights.EncoderBias;
        var places = (pre * norms).topk(K, 1, sorted: false).indexes;
        return SparseCodes.FromRows(pre.gather(1, places).relu(), places, Card.Features);
    }
}
