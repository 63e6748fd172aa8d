using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>Denoising diffusion implicit models (Song et al. 2020): diffusers' DDIMScheduler. Steps are deterministic where <see cref="Eta"/> is 0.</summary>
[Scheduler("DDIMScheduler")]
public sealed class DdimScheduler : Scheduler
{
    private readonly NoiseLevels _levels;
    private readonly TimestepSpacing _spacing;
    private readonly int _offset;
    private readonly float? _clip;
    private readonly bool _endsClean;

    internal DdimScheduler(ConfigReader json)
    {
        _levels = NoiseLevels.Read(json);
        _spacing = Spacing.Read(json, "leading");
        _offset = json.AnyInt("steps_offset", 0);
        _endsClean = json.Bool("set_alpha_to_one", true);
        var range = (float)json.Double("clip_sample_range", 1);
        _clip = json.Bool("clip_sample", true) ? range : null;
        json.RefuseSwitchedOn("thresholding");
    }

    private DdimScheduler(DdimScheduler other, double eta) =>
        (_levels, _spacing, _offset, _clip, _endsClean, Eta) = (other._levels, other._spacing, other._offset, other._clip, other._endsClean, eta);

    /// <summary>The share of fresh noise, 0 to 1: η of the paper.</summary>
    public double Eta { get; }

    /// <summary>The same with another share of fresh noise.</summary>
    public DdimScheduler WithEta(double eta) => eta is >= 0 and <= 1
        ? new DdimScheduler(this, eta)
        : throw new OptionsException($"The share of fresh noise of DDIM is 0 to 1, got {eta}.");

    /// <inheritdoc/>
    public override Schedule Start(int steps)
    {
        CheckSteps(steps, _levels.Count);
        var timesteps = Spacing.Timesteps(_spacing, _levels.Count, steps, _offset).Select(t => Math.Round(t)).ToArray();
        if (timesteps[0] >= _levels.Count)
            throw new OptionsException($"{steps} steps with 'steps_offset' = {_offset} begin at time step {timesteps[0]}; the training had 0 to {_levels.Count - 1}.");
        return new Run(timesteps, _levels, _clip, _levels.Count / steps, _endsClean ? 1 : _levels.Left[0], (float)Eta);
    }

    private sealed class Run(IReadOnlyList<double> timesteps, NoiseLevels levels, float? clip, int distance, float last, float eta)
        : AlphaSchedule(timesteps, levels, clip)
    {
        private readonly NoiseLevels _levels = levels;

        public override bool UsesNoise => eta > 0;

        public override (Tensor Next, Tensor Clean) Advance(Tensor prediction, Tensor sample, int step, Tensor? noise)
        {
            using var scope = NewDisposeScope();
            var timestep = (int)Timesteps[step];
            var (left, after) = (_levels.Left[timestep], timestep >= distance ? _levels.Left[timestep - distance] : last);
            var (clean, epsilon) = Split(prediction, sample, left);
            var variance = (1 - after) / (1 - left) * (1 - left / after);
            var deviation = eta * MathF.Sqrt(variance);
            var next = clean * MathF.Sqrt(after) + epsilon * MathF.Sqrt(1 - after - deviation * deviation);
            if (eta > 0) next += Needed(noise) * deviation;
            return (next.MoveToOuterDisposeScope(), clean.alias().MoveToOuterDisposeScope());
        }
    }
}
