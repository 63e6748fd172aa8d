using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Euler's method that overshoots to less noise and adds fresh noise back (Katherine Crowson's ancestral sampling): diffusers'
/// EulerAncestralDiscreteScheduler, which SDXL-Turbo uses.
/// </summary>
[Scheduler("EulerAncestralDiscreteScheduler")]
public sealed class EulerAncestralScheduler : Scheduler
{
    private const float AlmostNothing = 1f / (1 << 24);

    private readonly NoiseLevels _levels;
    private readonly TimestepSpacing _spacing;
    private readonly int _offset;

    internal EulerAncestralScheduler(ConfigReader json)
    {
        _levels = NoiseLevels.Read(json, floor: AlmostNothing);
        json.Require(_levels.Prediction != PredictionKind.Sample, "'prediction_type' = 'sample' is not built here; epsilon and v_prediction are");
        _spacing = Spacing.Read(json, "linspace");
        _offset = json.AnyInt("steps_offset", 0);
    }

    /// <inheritdoc/>
    public override Schedule Start(int steps)
    {
        CheckSteps(steps, _levels.Count);
        var timesteps = Spacing.Timesteps(_spacing, _levels.Count, steps, _offset).Select(t => (double)(float)t).ToArray();
        return new Run(timesteps, _levels, _spacing);
    }

    private sealed class Run(IReadOnlyList<double> timesteps, NoiseLevels levels, TimestepSpacing spacing)
        : SigmaSchedule(timesteps, Interpolated(levels.Sigmas(), timesteps), levels.Prediction, spacing)
    {
        public override bool UsesNoise => true;

        public override (Tensor Next, Tensor Clean) Advance(Tensor prediction, Tensor sample, int step, Tensor? noise)
        {
            using var scope = NewDisposeScope();
            var (from, to) = (Sigmas[step], Sigmas[step + 1]);
            var up = MathF.Sqrt(to * to * (from * from - to * to) / (from * from));
            var down = MathF.Sqrt(to * to - up * up);
            var clean = Clean(prediction, sample, from);
            var slope = (sample - clean) / from;
            var next = sample + slope * (down - from) + Needed(noise) * up;
            return (next.MoveToOuterDisposeScope(), clean.MoveToOuterDisposeScope());
        }
    }
}
