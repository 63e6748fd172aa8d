using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Circuits;

/// <summary>What belongs to a feature circuit.</summary>
public sealed record FeatureCircuitOptions
{
    /// <summary>Nodes of smaller effect are left out; in units of the target (0.1 as published, for logits).</summary>
    public double NodeThreshold { get; init; } = 0.1;

    /// <summary>Edges of smaller weight are left out (0.01 as published).</summary>
    public double EdgeThreshold { get; init; } = 0.01;

    /// <summary>At most so many nodes of a place, the strongest; each costs one backward pass for its edges.</summary>
    public int NodesPerPlace { get; init; } = 50;

    /// <summary>Steps of integrated gradients from the clean to the corrupted value (midpoint rule); 1 is one gradient halfway.</summary>
    public int Steps { get; init; } = 10;

    /// <summary>Place and name checks.</summary>
    public SpliceOptions Splice { get; init; } = SpliceOptions.Default;

    /// <summary>Told the number of backward passes done.</summary>
    public IProgress<int>? Progress { get; init; }

    /// <summary>Refuses impossible values.</summary>
    /// <exception cref="OptionsException">Some are.</exception>
    public void Check()
    {
        if (Steps < 1 || NodesPerPlace < 1 || !(NodeThreshold >= 0) || !(EdgeThreshold >= 0))
            throw new OptionsException($"Feature circuit: steps {Steps}, nodes per place {NodesPerPlace}, thresholds {NodeThreshold} and {EdgeThreshold}; counts must be positive, thresholds not negative.");
    }
}
