using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>Numbers as sines and cosines of falling frequencies (Ho et al. 2020): [N] to [N, width], in float32.</summary>
/// <param name="Width">The number of waves.</param>
/// <param name="CosineFirst">diffusers' flip_sin_to_cos.</param>
/// <param name="Shift">diffusers' freq_shift.</param>
internal sealed record TimeWaves(int Width, bool CosineFirst, double Shift)
{
    private const double LongestPeriod = 10000;

    internal Tensor Of(Tensor numbers)
    {
        using var scope = NewDisposeScope();
        var half = Width / 2;
        var exponent = arange(0, half, ScalarType.Float32, numbers.device) * -Math.Log(LongestPeriod) / (half - Shift);
        var angles = numbers.to(ScalarType.Float32).unsqueeze(1) * exponent.exp().unsqueeze(0);
        var waves = CosineFirst ? cat([angles.cos(), angles.sin()], -1) : cat([angles.sin(), angles.cos()], -1);
        if (Width % 2 == 1) waves = cat([waves, zeros([waves.shape[0], 1], device: numbers.device)], -1);
        return waves.MoveToOuterDisposeScope();
    }
}
