using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// JumpReLU on the entries that it touches: f = z·1[z > θ], thresholds felt within a window of width ε around them ("Jumping Ahead",
/// Rajamanoharan et al. 2024). Entries outside both have neither value nor gradient, so they are never stored.
/// </summary>
/// <param name="Forward">The forward pass with f as values, zero where the threshold closes.</param>
/// <param name="Open">1[z > θ] of each entry: [E].</param>
/// <param name="Felt">1[|z − θ| &lt; ε/2] of each entry: [E].</param>
/// <param name="Thresholds">θ of each entry: [E].</param>
/// <param name="Bandwidth">ε.</param>
internal sealed record SparseJump(SparseForward Forward, Tensor Open, Tensor Felt, Tensor Thresholds, double Bandwidth)
{
    /// <summary>Runs a step's forward pass with thresholds [F].</summary>
    internal static SparseJump Run(SparseStep step, Tensor centred, Tensor encoder, Tensor? bias, Tensor thresholds, double bandwidth)
    {
        using var scope = NewDisposeScope();
        using var still = no_grad();
        // A little below the window: what is felt is decided entry by entry, with the rounding of the dense formula.
        var lowest = thresholds - (thresholds.abs() * 1e-5 + bandwidth * 0.51);
        var forward = step.Forward(centred, encoder, bias, Select.Above(lowest)).MoveToOuterScope();
        var own = thresholds.index_select(0, forward.Codes.Indices);
        var z = forward.Codes.Values;
        var open = z.gt(own).to(z.dtype);
        var place = (z - own) / bandwidth;
        var felt = place.gt(-0.5).logical_and(place.lt(0.5)).to(z.dtype);
        var values = (z * open).MoveToOuterDisposeScope();
        return new SparseJump(
            forward.With(values), open.MoveToOuterDisposeScope(), felt.MoveToOuterDisposeScope(), own.MoveToOuterDisposeScope(), bandwidth);
    }

    /// <summary>What pre-activations feel where codes feel gradients [E]: [E].</summary>
    internal Tensor PreActivationGradients(Tensor codeGradients) => codeGradients * Open;

    /// <summary>What thresholds feel: −(θ/ε)·gradient of the codes − (1/ε)·gradient of each entry's share in the number of active features: [F].</summary>
    internal Tensor ThresholdGradients(Tensor codeGradients, double countGradient)
    {
        using var scope = NewDisposeScope();
        var felt = (codeGradients * Thresholds + countGradient) * Felt * (-1 / Bandwidth);
        return SparseKernels.Sums(Forward.Order, felt).MoveToOuterDisposeScope();
    }
}
