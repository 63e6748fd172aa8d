using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>The guidance's strength as sines and cosines, as U-nets of latent consistency models read it (Luo et al. 2023).</summary>
public static class GuidanceWaves
{
    private const double PerUnit = 1000;

    /// <summary>Strengths [N] (1: no guidance) to [N, width]; one number to [1, width]. The caller disposes it.</summary>
    public static Tensor Of(Tensor strengths, int width)
    {
        ArgumentNullException.ThrowIfNull(strengths);
        using var scope = NewDisposeScope();
        return new TimeWaves(width, CosineFirst: false, Shift: 1).Of((strengths.reshape(-1) - 1) * PerUnit).MoveToOuterDisposeScope();
    }
}
