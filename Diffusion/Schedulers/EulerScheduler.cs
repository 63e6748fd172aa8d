using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>Euler's method on the probability-flow equation (Karras et al. 2022, algorithm 2 without churn): diffusers' EulerDiscreteScheduler.</summary>
[Scheduler("EulerDiscreteScheduler")]
public sealed class EulerScheduler : Scheduler
{
    private const double Rho = 7;
    private const float AlmostNothing = 1f / (1 << 24);

    private readonly NoiseLevels _levels;
    private readonly TimestepSpacing _spacing;
    private readonly int _offset;
    private readonly bool _karras, _logarithmic;
    private readonly double? _least, _most;

    internal EulerScheduler(ConfigReader json)
    {
        _levels = NoiseLevels.Read(json, floor: AlmostNothing);
        _spacing = Spacing.Read(json, "linspace");
        _offset = json.AnyInt("steps_offset", 0);
        _karras = json.Bool("use_karras_sigmas", false);
        (_least, _most) = (json.Has("sigma_min") ? json.Double("sigma_min") : null, json.Has("sigma_max") ? json.Double("sigma_max") : null);
        var interpolation = json.Text("interpolation_type", "linear");
        json.Require(interpolation is "linear" or "log_linear", $"'interpolation_type' = '{interpolation}' is not built; linear and log_linear are");
        _logarithmic = interpolation == "log_linear";
        json.RequireText("timestep_type", "discrete").RequireText("final_sigmas_type", "zero");
        json.RefuseSwitchedOn("use_exponential_sigmas", "use_beta_sigmas");
    }

    /// <inheritdoc/>
    public override Schedule Start(int steps)
    {
        CheckSteps(steps, _levels.Count);
        var trained = _levels.Sigmas();
        var timesteps = Spacing.Timesteps(_spacing, _levels.Count, steps, _offset).Select(t => (double)(float)t).ToArray();
        var sigmas = _logarithmic ? Logarithmic(trained, steps) : Run.Between(trained, timesteps);
        if (_karras)
        {
            var exact = Karras(sigmas[^1], sigmas[0], steps);
            timesteps = [.. exact.Select(sigma => (double)(float)TimestepOf(sigma, trained))];
            sigmas = [.. exact.Select(sigma => (float)sigma)];
        }
        return new Run(timesteps, sigmas, _levels.Prediction, _spacing);
    }

    // One more than the steps: the last has the least noise that the training knew, and no step of its own.
    private static float[] Logarithmic(float[] trained, int steps)
    {
        using var scope = NewDisposeScope();
        return linspace(Math.Log(trained[^1]), Math.Log(trained[0]), steps + 1, ScalarType.Float32).exp().data<float>().ToArray()[..steps];
    }

    private double[] Karras(double least, double most, int steps)
    {
        var (low, high) = (Math.Pow(_least ?? least, 1 / Rho), Math.Pow(_most ?? most, 1 / Rho));
        return [.. Enumerable.Range(0, steps).Select(i => Math.Pow(high + (steps == 1 ? 0 : (double)i / (steps - 1)) * (low - high), Rho))];
    }

    // The time step, a fraction between two of the training's, whose log σ lies so between theirs; in single precision, as numpy has it.
    private static double TimestepOf(double sigma, float[] trained)
    {
        var log = (float)Math.Log(Math.Max(sigma, 1e-10));
        var below = 0;
        for (var t = 0; t < trained.Length; t++)
            if (log - LogOf(trained[t]) >= 0) below = t;
        below = Math.Min(below, trained.Length - 2);
        var (low, high) = (LogOf(trained[below]), LogOf(trained[below + 1]));
        var share = Math.Clamp((low - log) / (low - high), 0, 1);
        return (double)(1 - share) * below + (double)share * (below + 1);
    }

    private static float LogOf(float sigma) => (float)Math.Log(sigma);

    private sealed class Run(IReadOnlyList<double> timesteps, float[] sigmas, PredictionKind prediction, TimestepSpacing spacing)
        : SigmaSchedule(timesteps, sigmas, prediction, spacing)
    {
        public override bool UsesNoise => false;

        public override (Tensor Next, Tensor Clean) Advance(Tensor prediction, Tensor sample, int step, Tensor? noise)
        {
            using var scope = NewDisposeScope();
            var clean = Clean(prediction, sample, Sigmas[step]);
            var slope = (sample - clean) / Sigmas[step];
            return ((sample + slope * (Sigmas[step + 1] - Sigmas[step])).MoveToOuterDisposeScope(), clean.MoveToOuterDisposeScope());
        }

        internal static float[] Between(float[] trained, IReadOnlyList<double> at) => Interpolated(trained, at);
    }
}
