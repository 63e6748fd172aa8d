using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Features stand in k neighbouring groups of equal size; each row keeps the largest of every group, if positive (sparsify's groupmax).</summary>
public sealed class GroupMaxCoder : Coder
{
    /// <summary>Takes over the weights.</summary>
    /// <exception cref="OptionsException">The features do not fall into k equal groups.</exception>
    public GroupMaxCoder(CoderCard card, CoderWeights weights, int k) : base(card, weights)
    {
        if (k < 1 || Card.Features % k != 0) throw new OptionsException($"{Card.Name}: {Card.Features} features do not fall into k = {k} equal groups.");
        K = k;
    }

    /// <summary>How many groups there are, and so how many features a row keeps at most.</summary>
    public int K { get; }

    /// <inheritdoc/>
    protected override Codes Select(Tensor products)
    {
        var size = Card.Features / K;
        var groups = (products + Weights.EncoderBias).relu().reshape(-1, K, size);
        var within = groups.argmax(-1);
        var values = groups.gather(-1, within.unsqueeze(-1)).squeeze(-1);
        var starts = arange(0, Card.Features, size, device: within.device);
        return SparseCodes.FromRows(values, within + starts, Card.Features);
    }
}
