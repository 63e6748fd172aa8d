using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Ancestral sampling of denoising diffusion (Ho et al. 2020): diffusers' DDPMScheduler. Each step goes to the mean of the posterior and adds noise of its
/// variance (<c>fixed_small</c>) or of the forward step's (<c>fixed_large</c>).
/// </summary>
[Scheduler("DDPMScheduler")]
public sealed class DdpmScheduler : Scheduler
{
    private readonly NoiseLevels _levels;
    private readonly TimestepSpacing _spacing;
    private readonly int _offset;
    private readonly float? _clip;
    private readonly bool _large;

    internal DdpmScheduler(ConfigReader json)
    {
        _levels = NoiseLevels.Read(json);
        _spacing = Spacing.Read(json, "leading");
        _offset = json.AnyInt("steps_offset", 0);
        var range = (float)json.Double("clip_sample_range", 1);
        _clip = json.Bool("clip_sample", true) ? range : null;
        var variance = json.Text("variance_type", "fixed_small");
        json.Require(variance is "fixed_small" or "fixed_small_log" or "fixed_large", $"'variance_type' = '{variance}' is not built; fixed_small, fixed_small_log and fixed_large are");
        _large = variance == "fixed_large";
        json.RefuseSwitchedOn("thresholding");
    }

    /// <inheritdoc/>
    public override Schedule Start(int steps)
    {
        CheckSteps(steps, _levels.Count);
        var timesteps = Spacing.Timesteps(_spacing, _levels.Count, steps, _offset).Select(t => Math.Round(t)).ToArray();
        if (timesteps[0] >= _levels.Count)
            throw new OptionsException($"{steps} steps with 'steps_offset' = {_offset} begin at time step {timesteps[0]}; the training had 0 to {_levels.Count - 1}.");
        return new Run(timesteps, _levels, _clip, _levels.Count / steps, _large);
    }

    private sealed class Run(IReadOnlyList<double> timesteps, NoiseLevels levels, float? clip, int distance, bool large) : AlphaSchedule(timesteps, levels, clip)
    {
        private const float LeastVariance = 1e-20f;

        private readonly NoiseLevels _levels = levels;

        public override bool UsesNoise => true;

        public override (Tensor Next, Tensor Clean) Advance(Tensor prediction, Tensor sample, int step, Tensor? noise)
        {
            using var scope = NewDisposeScope();
            var timestep = (int)Timesteps[step];
            var (left, after) = (_levels.Left[timestep], timestep >= distance ? _levels.Left[timestep - distance] : 1);
            var (clean, _) = Split(prediction, sample, left);
            var kept = left / after;
            var next = clean * (MathF.Sqrt(after) * (1 - kept) / (1 - left)) + sample * (MathF.Sqrt(kept) * (1 - after) / (1 - left));
            if (timestep > 0)
            {
                var variance = large ? 1 - kept : MathF.Max((1 - after) / (1 - left) * (1 - kept), LeastVariance);
                next += Needed(noise) * MathF.Sqrt(variance);
            }
            return (next.MoveToOuterDisposeScope(), clean.alias().MoveToOuterDisposeScope());
        }
    }
}
