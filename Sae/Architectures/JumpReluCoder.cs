using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A threshold per feature: f = ReLU(z)·1[z > θ] with z = (x − b_in)·W_enc + b_enc. "Jumping Ahead" (Rajamanoharan et al. 2024). BatchTopK and
/// gated coders can be written in this form.
/// </summary>
public sealed class JumpReluCoder : Coder
{
    private readonly Tensor _thresholds;

    /// <summary>Takes over the weights and the thresholds [F]; <paramref name="signed"/> keeps z itself above a threshold below zero.</summary>
    /// <exception cref="ShapeException">The thresholds do not fit.</exception>
    public JumpReluCoder(CoderCard card, CoderWeights weights, Tensor thresholds, bool signed = false) : base(card, weights)
    {
        _thresholds = Own("threshold", thresholds);
        Signed = signed;
    }

    /// <summary>Whether f = z·1[z > θ], without the ReLU: another thing only where a threshold is negative.</summary>
    public bool Signed { get; }

    /// <summary>θ: [F]. Borrowed.</summary>
    public Tensor Thresholds => _thresholds;

    /// <inheritdoc/>
    protected override Codes Select(Tensor products)
    {
        var pre = products + Weights.EncoderBias;
        return new DenseCodes((Signed ? pre : pre.relu()).masked_fill(pre.le(_thresholds), 0));
    }
}
