using Prisma.Core;
using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A threshold per feature: f = ReLU(z)·1[z > θ] with z = (x − b_in)·W_enc + b_enc. "Jumping Ahead" (Rajamanoharan et al. 2024). BatchTopK and
/// gated coders can be written in this form.
/// </summary>
public sealed class JumpReluCoder : Coder
{
    // Codes with a larger share of active features are handled faster as a matrix.
    private const long SparseBelow = 16;

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
        var entries = SparseKernels.Above(products, Weights.EncoderBias, _thresholds.clamp_min(0));
        var codes = new SparseCodes(entries, Card.Features);
        if (entries.Count * SparseBelow < products.numel()) return codes;
        codes.Dispose();
        var pre = products + Weights.EncoderBias;
        return new DenseCodes((Signed ? pre : pre.relu()).masked_fill(pre.le(_thresholds), 0));
    }
}
