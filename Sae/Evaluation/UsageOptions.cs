using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Thresholds for judging how often features fire. A density is the share of vectors on which a feature is not zero.</summary>
public sealed record UsageOptions
{
    /// <summary>A feature is dead at or below this density; 0, the default: it never fired.</summary>
    public double Dead { get; init; }

    /// <summary>A feature is dense above this density; SAEBench's is 0.1.</summary>
    public double Dense { get; init; } = 0.1;

    /// <summary>Densities below which features are counted as rare; ViT-Prisma logs these two.</summary>
    public IReadOnlyList<double> Rare { get; init; } = [1e-5, 1e-6];

    /// <summary>Bars of the histogram over log10(density + 1e-10), from −10 to 0.</summary>
    public int Bins { get; init; } = 100;

    /// <summary>Reports every fault at once.</summary>
    /// <exception cref="OptionsException">A threshold is out of range.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!(Dead is >= 0 and < 1)) faults.Add($"the threshold for dead features is {Dead}; it lies in [0, 1)");
        if (!(Dense is > 0 and < 1)) faults.Add($"the threshold for dense features is {Dense}; it lies in (0, 1)");
        if (Dense <= Dead) faults.Add($"features would be dead and dense at once ({Dead}, {Dense})");
        if (Rare.Any(threshold => !(threshold is > 0 and < 1))) faults.Add($"a threshold for rare features is not in (0, 1): {string.Join(", ", Rare)}");
        if (Bins is < 1 or > 10_000) faults.Add($"the histogram has {Bins} bars; 1 to 10000 work");
        if (faults.Count > 0) throw new OptionsException($"Feature usage: {string.Join("; ", faults)}.");
    }
}
