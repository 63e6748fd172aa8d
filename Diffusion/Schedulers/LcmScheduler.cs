using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Multi-step sampling of latent consistency models (Luo et al. 2023): diffusers' LCMScheduler. Each step jumps to the clean sample, mixed with
/// the noisy one near the end, and adds fresh noise; the last adds none.
/// </summary>
[Scheduler("LCMScheduler")]
public sealed class LcmScheduler : Scheduler
{
    private const double DataDeviation = 0.5;

    private readonly NoiseLevels _levels;
    private readonly float? _clip;
    private readonly double _scaling;
    private readonly int _trainedSteps;

    internal LcmScheduler(ConfigReader json)
    {
        _levels = NoiseLevels.Read(json, 0.00085, 0.012, "scaled_linear");
        var range = (float)json.Double("clip_sample_range", 1);
        _clip = json.Bool("clip_sample", false) ? range : null;
        _scaling = json.Double("timestep_scaling", 10);
        _trainedSteps = json.Int("original_inference_steps", 50);
        json.Require(_trainedSteps <= _levels.Count, $"'original_inference_steps' = {_trainedSteps} exceeds the training's {_levels.Count}");
        json.RefuseSwitchedOn("thresholding");
    }

    /// <inheritdoc/>
    public override Schedule Start(int steps)
    {
        CheckSteps(steps, _trainedSteps);
        var distance = _levels.Count / _trainedSteps;
        var timesteps = Enumerable.Range(0, steps).Select(i => (double)((_trainedSteps - (int)Math.Floor((double)_trainedSteps / steps * i)) * distance - 1)).ToArray();
        return new Run(timesteps, _levels, _clip, _scaling);
    }

    private sealed class Run(IReadOnlyList<double> timesteps, NoiseLevels levels, float? clip, double scaling) : AlphaSchedule(timesteps, levels, clip)
    {
        private readonly NoiseLevels _levels = levels;

        public override bool UsesNoise => true;

        public override (Tensor Next, Tensor Clean) Advance(Tensor prediction, Tensor sample, int step, Tensor? noise)
        {
            using var scope = NewDisposeScope();
            var scaled = Timesteps[step] * scaling;
            var norm = scaled * scaled + DataDeviation * DataDeviation;
            var (clean, _) = Split(prediction, sample, _levels.Left[(int)Timesteps[step]]);
            var jumped = clean * (scaled / Math.Sqrt(norm)) + sample * (DataDeviation * DataDeviation / norm);
            if (step == Timesteps.Count - 1) return (jumped.alias().MoveToOuterDisposeScope(), jumped.MoveToOuterDisposeScope());
            var after = _levels.Left[(int)Timesteps[step + 1]];
            var next = jumped * MathF.Sqrt(after) + Needed(noise) * MathF.Sqrt(1 - after);
            return (next.MoveToOuterDisposeScope(), jumped.MoveToOuterDisposeScope());
        }
    }
}
