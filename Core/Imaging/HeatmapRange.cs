namespace Prisma.Core;

/// <summary>Which values the two ends of a colour map stand for; values beyond take the end's colour.</summary>
/// <param name="Low">The value of the first colour.</param>
/// <param name="High">The value of the last colour.</param>
/// <param name="Signed">Whether 0 lies in the middle, so that a diverging colour map fits.</param>
public sealed record HeatmapRange(float Low, float High, bool Signed)
{
    /// <summary>From the smallest to the largest value of all the maps.</summary>
    public static HeatmapRange MinMax(params IReadOnlyList<Heatmap> maps) => Percentile(100, maps);

    /// <summary>Leaves out the same share of values at both ends, so that a few outliers do not darken the rest.</summary>
    /// <param name="percent">For instance 99: from the 1st to the 99th percentile, linear between ranks.</param>
    /// <param name="maps">All that shall share the range.</param>
    public static HeatmapRange Percentile(double percent, params IReadOnlyList<Heatmap> maps)
    {
        var sorted = Sorted(maps, v => v);
        return new HeatmapRange(Quantile(sorted, 100 - percent), Quantile(sorted, percent), false);
    }

    /// <summary>As far below 0 as above, up to the largest magnitude, or to a percentile of the magnitudes.</summary>
    public static HeatmapRange Symmetric(double percent, params IReadOnlyList<Heatmap> maps)
    {
        var end = Quantile(Sorted(maps, MathF.Abs), percent);
        return new HeatmapRange(-end, end, true);
    }

    /// <summary>Symmetric where a value is negative, otherwise from smallest to largest.</summary>
    public static HeatmapRange Fitting(params IReadOnlyList<Heatmap> maps) =>
        maps.Any(map => map.Values.ContainsAnyInRange(float.NegativeInfinity, -float.Epsilon)) ? Symmetric(100, maps) : MinMax(maps);

    /// <summary>Where a value lies, 0 to 1; in a range of one value everything lies in the middle if it is signed, otherwise at the start.</summary>
    public double Position(float value) => High > Low ? Math.Clamp(((double)value - Low) / ((double)High - Low), 0, 1) : Signed ? 0.5 : 0;

    private static float[] Sorted(IReadOnlyList<Heatmap> maps, Func<float, float> of)
    {
        ArgumentNullException.ThrowIfNull(maps);
        if (maps.Count == 0) throw new OptionsException("A range needs at least one heatmap.");
        float[] values = [.. maps.SelectMany(map => map.Values.ToArray()).Select(of)];
        Array.Sort(values);
        return values;
    }

    private static float Quantile(float[] sorted, double percent)
    {
        if (percent is not (>= 0 and <= 100)) throw new OptionsException($"A percentile is 0 to 100, got {percent}.");
        var rank = percent / 100 * (sorted.Length - 1);
        var below = (int)rank;
        var above = Math.Min(below + 1, sorted.Length - 1);
        return (float)(sorted[below] + (rank - below) * (sorted[above] - sorted[below]));
    }
}
