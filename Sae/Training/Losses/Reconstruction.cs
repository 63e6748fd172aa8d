using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>The formulas of <see cref="ReconstructionLoss"/>.</summary>
internal static class Reconstruction
{
    /// <summary>The loss of predictions [n, d] of targets [n, d].</summary>
    internal static Tensor Loss(this ReconstructionLoss kind, Tensor prediction, Tensor target, double scale = 1)
    {
        var error = prediction - target;
        return kind switch
        {
            ReconstructionLoss.Sse => error.square().sum(-1).mean(),
            ReconstructionLoss.Mse => error.square().mean(),
            ReconstructionLoss.Fvu => error.square().sum() / Spread(target),
            ReconstructionLoss.ScaledMse => error.square().mean() * scale,
            ReconstructionLoss.BatchNormedMse => (error.square() / (target - target.mean([0], keepdim: true)).norm(-1, keepdim: true)).mean(),
            ReconstructionLoss.Norm => error.norm(-1).mean(),
            _ => throw new OptionsException($"{kind} is no reconstruction loss."),
        };
    }

    /// <summary>Σ (y − ȳ)² over the batch.</summary>
    internal static Tensor Spread(Tensor target) => (target - target.mean([0], keepdim: true)).square().sum();
}
