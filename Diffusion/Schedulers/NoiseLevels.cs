using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// How much of the clean sample is left at each of the training's time steps: ᾱ_t = Π (1 − β), in the reference's float32 arithmetic, from
/// which its sigmas inherit their last digits.
/// </summary>
internal sealed class NoiseLevels
{
    private NoiseLevels(float[] left, PredictionKind prediction) => (Left, Prediction) = (left, prediction);

    /// <summary>ᾱ by time step.</summary>
    internal float[] Left { get; }

    internal PredictionKind Prediction { get; }

    /// <summary>The number of the training's time steps.</summary>
    internal int Count => Left.Length;

    /// <summary>σ_t = √((1 − ᾱ) / ᾱ) by time step.</summary>
    internal float[] Sigmas() => [.. Left.Select(left => MathF.Sqrt((1 - left) / left))];

    /// <summary>Reads the keys that all schedulers share.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="start">β at the first step where the file does not say.</param>
    /// <param name="end">β at the last step where the file does not say.</param>
    /// <param name="schedule">The course between where the file does not say.</param>
    /// <param name="floor">ᾱ of the last step where the schedule is rescaled to end in pure noise: σ must stay finite for some schedulers.</param>
    internal static NoiseLevels Read(ConfigReader json, double start = 0.0001, double end = 0.02, string schedule = "linear", float? floor = null)
    {
        var count = json.Int("num_train_timesteps", 1000);
        (start, end) = (json.Double("beta_start", start), json.Double("beta_end", end));
        var course = json.Text("beta_schedule", schedule);
        var trained = json.Doubles("trained_betas");
        json.Require(course is "linear" or "scaled_linear" or "squaredcos_cap_v2", $"'beta_schedule' = '{course}' is not built; linear, scaled_linear and squaredcos_cap_v2 are");
        json.Require(start > 0 && end < 1 && start <= end, $"'beta_start' = {start} and 'beta_end' = {end} must lie between 0 and 1");
        var prediction = json.Text("prediction_type", "epsilon");
        json.Require(prediction is "epsilon" or "v_prediction" or "sample", $"'prediction_type' = '{prediction}' is not built; epsilon, v_prediction and sample are");
        var rescale = json.Bool("rescale_betas_zero_snr", false);
        json.Check();
        var betas = trained is not null ? [.. trained.Select(beta => (float)beta)]
            : course == "squaredcos_cap_v2" ? Cosine(count)
            : Line(start, end, count, squared: course == "scaled_linear");
        var left = Product(rescale ? Rescaled(betas) : betas);
        if (rescale && floor is { } least) left[^1] = least;
        return new NoiseLevels(left, prediction switch
        {
            "epsilon" => PredictionKind.Epsilon,
            "v_prediction" => PredictionKind.Velocity,
            _ => PredictionKind.Sample,
        });
    }

    private static float[] Line(double start, double end, int count, bool squared)
    {
        using var scope = NewDisposeScope();
        var line = squared ? linspace(Math.Sqrt(start), Math.Sqrt(end), count, ScalarType.Float32).square() : linspace(start, end, count, ScalarType.Float32);
        return line.data<float>().ToArray();
    }

    // Nichol and Dhariwal 2021.
    private static float[] Cosine(int count)
    {
        return [.. Enumerable.Range(0, count).Select(i => (float)Math.Min(1 - Bar((i + 1.0) / count) / Bar((double)i / count), 0.999))];

        static double Bar(double t) => Math.Pow(Math.Cos((t + 0.008) / 1.008 * Math.PI / 2), 2);
    }

    // libtorch's running product adds up in double precision and stores single.
    private static float[] Product(float[] betas)
    {
        var left = new float[betas.Length];
        var product = 1.0;
        for (var t = 0; t < betas.Length; t++) left[t] = (float)(product *= 1f - betas[t]);
        return left;
    }

    // Lin et al. 2023: shifted and stretched so that the last step holds no signal.
    private static float[] Rescaled(float[] betas)
    {
        var roots = Product(betas).Select(MathF.Sqrt).ToArray();
        var (first, last) = (roots[0], roots[^1]);
        var bars = roots.Select(root => (root - last) * (first / (first - last))).Select(root => root * root).ToArray();
        return [.. bars.Select((bar, t) => 1 - (t == 0 ? bar : bar / bars[t - 1]))];
    }
}
