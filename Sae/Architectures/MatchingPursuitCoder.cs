using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// No encoder: the decoder's unit rows are chosen one after another. k times, j = argmax |⟨r, D_j⟩|, f_j += ⟨r, D_j⟩, r −= ⟨r, D_j⟩·D_j, from
/// r = x − b_in. Codes are signed. "Inference-Time Decomposition of Activations" (Leask et al. 2025).
/// </summary>
public sealed class MatchingPursuitCoder : Coder
{
    /// <summary>Takes over the weights, whose encoder is the decoder and whose b_enc is not used.</summary>
    /// <exception cref="OptionsException">k is below 1.</exception>
    public MatchingPursuitCoder(CoderCard card, CoderWeights weights, int k) : base(card, weights)
    {
        if (k < 1) throw new OptionsException($"{Card.Name}: k = {k} must be at least 1.");
        K = k;
    }

    /// <summary>How many rounds there are, and so how many features a row has at most.</summary>
    public int K { get; }

    // Products with the residual are kept up to date by the atoms' own products, so that x itself is not needed.
    /// <inheritdoc/>
    protected override Codes Select(Tensor products)
    {
        var (left, codes) = (products, products.zeros_like());
        for (var round = 0; round < K; round++)
        {
            using var scope = NewDisposeScope();
            var chosen = left.abs().argmax(1, keepdim: true);
            var amount = left.gather(1, chosen);
            codes = codes + codes.zeros_like().scatter(1, chosen, amount);
            left = left - Weights.Decoder.index_select(0, chosen.squeeze(1)).matmul(Weights.EncoderTransposed) * amount;
            codes.MoveToOuterDisposeScope();
            left.MoveToOuterDisposeScope();
        }
        return SparseCodes.FromDense(codes);
    }
}
