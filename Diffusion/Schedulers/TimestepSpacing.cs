using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>Which of the training's time steps a run of fewer steps takes.</summary>
public enum TimestepSpacing
{
    /// <summary>Equal distances, both ends included.</summary>
    Linspace,
    /// <summary>Multiples of a whole distance from 0, plus an offset.</summary>
    Leading,
    /// <summary>Whole-number steps back from the noisiest.</summary>
    Trailing,
}

/// <summary>The time steps of a run, from the noisiest down, computed as numpy does.</summary>
internal static class Spacing
{
    internal static double[] Timesteps(TimestepSpacing spacing, int training, int steps, int offset) => spacing switch
    {
        TimestepSpacing.Linspace => [.. Enumerable.Range(0, steps).Select(i => steps == 1 ? 0 : i == steps - 1 ? training - 1.0 : i * ((training - 1.0) / (steps - 1))).Reverse()],
        TimestepSpacing.Leading => [.. Enumerable.Range(0, steps).Select(i => (double)(i * (training / steps)) + offset).Reverse()],
        _ => Trailing(training, (double)training / steps),
    };

    internal static TimestepSpacing Read(ConfigReader json, string fallback)
    {
        var name = json.Text("timestep_spacing", fallback);
        json.Require(name is "linspace" or "leading" or "trailing", $"'timestep_spacing' = '{name}' is not known; linspace, leading and trailing are");
        return name switch
        {
            "linspace" => TimestepSpacing.Linspace,
            "leading" => TimestepSpacing.Leading,
            _ => TimestepSpacing.Trailing,
        };
    }

    private static double[] Trailing(int training, double ratio) =>
        [.. Enumerable.Range(0, (int)Math.Ceiling(training / ratio)).Select(i => Math.Round(training - i * ratio) - 1)];
}
