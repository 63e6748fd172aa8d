using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Keeps as many of the largest f = ReLU((x − b_in)·W_enc + b_enc) of each row as it takes for √Σ(f·‖W_dec‖)² to come nearest ‖x − b_in‖; never all of them.
/// "Evaluating and Designing Sparse Autoencoders by Approximating Quasi-Orthogonality" (Lee et al. 2025).
/// </summary>
public sealed class TopAfaCoder : Coder
{
    // In place of the length with all features kept, so that this is never the nearest.
    private const double Unreachable = 1e8;

    private readonly Tensor _lengths;

    /// <summary>Takes over the weights.</summary>
    /// <exception cref="OptionsException">There are fewer than two features.</exception>
    public TopAfaCoder(CoderCard card, CoderWeights weights) : base(card, weights)
    {
        if (Card.Features < 2) throw new OptionsException($"{Card.Name}: a choice by length needs at least 2 features; there are {Card.Features}.");
        using var frozen = no_grad();
        _lengths = Own("lengths", Weights.Decoder.norm(1));
    }

    /// <summary>1 where a feature is kept, else 0: [rows, F], from what features write [rows, F] (lengths, not negative) and the wanted length [rows, 1].</summary>
    internal static Tensor Kept(Tensor written, Tensor length)
    {
        var features = written.shape[1];
        var (sorted, places) = written.sort(1, descending: true);
        var reached = sorted.square().cumsum(1).sqrt();
        reached = cat([reached.narrow(1, 0, features - 1), reached.narrow(1, features - 1, 1).full_like(Unreachable)], 1);
        var last = (reached - length).abs().argmin(1, keepdim: true);
        var kept = arange(features).unsqueeze(0).le(last).to(written.dtype);
        return kept.zeros_like().expand_as(written).contiguous().scatter(1, places, kept);
    }

    /// <inheritdoc/>
    protected override Codes Select(Tensor products, Tensor centred)
    {
        ArgumentNullException.ThrowIfNull(centred);
        var positive = (products + Weights.EncoderBias).relu();
        return SparseCodes.FromDense(positive * Kept(positive * _lengths, centred.norm(-1, keepdim: true)));
    }

    /// <inheritdoc/>
    protected override Codes Select(Tensor products) => throw new NotSupportedException("The choice needs the input's length.");
}
