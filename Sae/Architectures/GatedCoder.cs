using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Which features fire and how much are told apart: with a = (x − b_in)·W_enc, f = 1[a + b_gate > 0]·σ(a·exp(r_mag) + b_mag). σ is ReLU, or
/// keeps the k largest magnitudes of a row first. "Improving Dictionary Learning with Gated Sparse Autoencoders" (Rajamanoharan et al. 2024).
/// </summary>
public sealed class GatedCoder : Coder
{
    private readonly Tensor _gateBias;
    private readonly Tensor _magnitudeScale;
    private readonly Tensor _magnitudeBias;
    private readonly int? _k;

    /// <summary>Takes over the weights and b_gate, r_mag, b_mag, each [F]; <paramref name="k"/> limits the magnitudes of a row.</summary>
    /// <exception cref="ShapeException">A vector does not fit.</exception>
    /// <exception cref="OptionsException">k is not between 1 and the number of features.</exception>
    public GatedCoder(CoderCard card, CoderWeights weights, Tensor gateBias, Tensor magnitudeScale, Tensor magnitudeBias, int? k = null)
        : base(card, weights)
    {
        if (k < 1 || k > Card.Features) throw new OptionsException($"{Card.Name}: k = {k} must be between 1 and the number of features, {Card.Features}.");
        _gateBias = Own("b_gate", gateBias);
        _magnitudeScale = Own("r_mag", magnitudeScale);
        _magnitudeBias = Own("b_mag", magnitudeBias);
        _k = k;
    }

    /// <summary>b_gate: [F]. Borrowed.</summary>
    public Tensor GateBias => _gateBias;

    /// <summary>r_mag: [F]. Borrowed.</summary>
    public Tensor MagnitudeScale => _magnitudeScale;

    /// <summary>b_mag: [F]. Borrowed.</summary>
    public Tensor MagnitudeBias => _magnitudeBias;

    /// <summary>How many magnitudes a row keeps at most; null for all.</summary>
    public int? K => _k;

    /// <inheritdoc/>
    protected override Codes Select(Tensor products)
    {
        var magnitudes = products * _magnitudeScale.exp() + _magnitudeBias;
        if (_k is { } k)
        {
            var (values, places) = magnitudes.topk(k, 1, sorted: false);
            magnitudes = magnitudes.zeros_like().scatter(1, places, values);
        }
        return new DenseCodes(magnitudes.relu().masked_fill((products + _gateBias).le(0), 0));
    }
}
