using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What Euler's schedules share: samples whose noise has the standard deviation σ (Karras et al. 2022), not unit variance.</summary>
internal abstract class SigmaSchedule : Schedule
{
    private readonly PredictionKind _prediction;

    private protected SigmaSchedule(IReadOnlyList<double> timesteps, float[] sigmas, PredictionKind prediction, TimestepSpacing spacing)
        : base(timesteps, whole: false, StartOf(sigmas, spacing)) => (Sigmas, _prediction) = ([.. sigmas, 0], prediction);

    /// <summary>σ before each step, and 0 behind the last.</summary>
    internal IReadOnlyList<float> Sigmas { get; }

    public override Tensor ModelInput(Tensor sample, int step) => sample / MathF.Sqrt(Sigmas[step] * Sigmas[step] + 1);

    public override Tensor AddNoise(Tensor clean, Tensor noise, double timestep)
    {
        using var scope = NewDisposeScope();
        for (var step = 0; step < Timesteps.Count; step++)
            if (Timesteps[step] == timestep) return (clean + noise * Sigmas[step]).MoveToOuterDisposeScope();
        throw new OptionsException($"The time step {timestep} is not among this run's: {string.Join(", ", Timesteps)}.");
    }

    private protected Tensor Clean(Tensor prediction, Tensor sample, float sigma)
    {
        using var scope = NewDisposeScope();
        var clean = _prediction switch
        {
            PredictionKind.Epsilon => sample - prediction * sigma,
            PredictionKind.Velocity => prediction * (-sigma / MathF.Sqrt(sigma * sigma + 1)) + sample / (sigma * sigma + 1),
            _ => prediction.alias(),
        };
        return clean.MoveToOuterDisposeScope();
    }

    /// <summary>σ at fractional time steps, between those of the training.</summary>
    private protected static float[] Interpolated(float[] sigmas, IReadOnlyList<double> timesteps) => [.. timesteps.Select(t =>
    {
        var below = Math.Clamp((int)t, 0, sigmas.Length - 1);
        var above = Math.Min(below + 1, sigmas.Length - 1);
        return (float)(((double)sigmas[above] - sigmas[below]) * (t - below) + sigmas[below]);
    })];

    private static double StartOf(float[] sigmas, TimestepSpacing spacing)
    {
        var largest = sigmas.Max();
        return spacing == TimestepSpacing.Leading ? MathF.Sqrt(largest * largest + 1) : largest;
    }
}
