using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What schedules on unit-variance samples share: √ᾱ·clean + √(1−ᾱ)·noise.</summary>
internal abstract class AlphaSchedule(IReadOnlyList<double> timesteps, NoiseLevels levels, float? clip) : Schedule(timesteps, whole: true, startSigma: 1)
{
    public override Tensor ModelInput(Tensor sample, int step) => sample.alias();

    public override Tensor AddNoise(Tensor clean, Tensor noise, double timestep)
    {
        using var scope = NewDisposeScope();
        var left = levels.Left[(int)timestep];
        return (clean * MathF.Sqrt(left) + noise * MathF.Sqrt(1 - left)).MoveToOuterDisposeScope();
    }

    /// <summary>The clean sample and the noise that a prediction amounts to.</summary>
    private protected (Tensor Clean, Tensor Noise) Split(Tensor prediction, Tensor sample, float left)
    {
        var (signal, noise) = (MathF.Sqrt(left), MathF.Sqrt(1 - left));
        var (clean, epsilon) = levels.Prediction switch
        {
            PredictionKind.Epsilon => ((sample - prediction * noise) / signal, prediction),
            PredictionKind.Velocity => (sample * signal - prediction * noise, prediction * signal + sample * noise),
            _ => (prediction, (sample - prediction * signal) / noise),
        };
        return (clip is { } range ? clean.clamp(-range, range) : clean, epsilon);
    }
}
