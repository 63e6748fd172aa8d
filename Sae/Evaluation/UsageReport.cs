namespace Prisma.Sae;

/// <summary>How often the features of a coder fire. Counts depend on how many vectors were seen: rare features look dead on few.</summary>
public sealed record UsageReport
{
    private const double Floor = 1e-10;

    /// <summary>Vectors counted.</summary>
    public required long Rows { get; init; }

    /// <summary>All features.</summary>
    public required int Features { get; init; }

    /// <summary>Features at or below the density that counts as dead.</summary>
    public required int Dead { get; init; }

    /// <summary>Features above the density that counts as dense.</summary>
    public required int Dense { get; init; }

    /// <summary>By density, how many features lie below it, dead ones included.</summary>
    public required IReadOnlyDictionary<double, int> Rare { get; init; }

    /// <summary>The thresholds that were used.</summary>
    public required UsageOptions Options { get; init; }

    /// <summary>Mean number of vectors per picture on which a feature fires, over the pictures where it does; mean over living features. NaN without pictures.</summary>
    public required double Extent { get; init; }

    /// <summary>Mean number of different features on a picture; NaN without pictures.</summary>
    public required double L0ImageUnique { get; init; }

    /// <summary>Mean sum of L0 over a picture's vectors; NaN without pictures.</summary>
    public required double L0ImageSum { get; init; }

    /// <summary>Features per bar of log10(density + 1e-10), bars of equal width from −10 to 0. Features that never fired are in the first.</summary>
    public required IReadOnlyList<int> Histogram { get; init; }

    /// <summary>The share of features that are not dead.</summary>
    public double Alive => 1 - (double)Dead / Features;

    internal static UsageReport Of(FeatureUsage usage, UsageOptions options)
    {
        double Density(long count) => (double)count / usage.Rows;
        var histogram = new int[options.Bins];
        foreach (var count in usage.Counts)
            histogram[Math.Clamp((int)((Math.Log10(Density(count) + Floor) + 10) / 10 * options.Bins), 0, options.Bins - 1)]++;
        var extents = usage.Counts.Zip(usage.PictureCounts).Where(pair => pair.Second > 0).Select(pair => (double)pair.First / pair.Second).ToList();
        return new UsageReport
        {
            Rows = usage.Rows,
            Features = usage.Counts.Length,
            Dead = usage.Counts.Count(count => Density(count) <= options.Dead),
            Dense = usage.Counts.Count(count => Density(count) > options.Dense),
            Rare = options.Rare.Distinct().ToDictionary(threshold => threshold, threshold => usage.Counts.Count(count => Density(count) < threshold)),
            Options = options,
            Extent = extents.Count == 0 ? double.NaN : extents.Average(),
            L0ImageUnique = usage.DistinctPerPicture,
            L0ImageSum = usage.EntriesPerPicture,
            Histogram = histogram,
        };
    }
}
