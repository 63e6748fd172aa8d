using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>How masks over edges are learned.</summary>
public sealed record EdgePruningOptions
{
    /// <summary>Steps of the optimiser; each is one differentiated pass of the batch.</summary>
    public int Steps { get; init; } = 300;

    /// <summary>Of the masks.</summary>
    public double LearningRate { get; init; } = 0.1;

    /// <summary>Of both multipliers, which climb.</summary>
    public double MultiplierRate { get; init; } = 0.1;

    /// <summary>The part of the steps over which the number of edges falls to the one asked for; the rest is spent there.</summary>
    public double Ramp { get; init; } = 0.6;

    /// <summary>log α of every gate at the start: 2 leaves 98 % of them open.</summary>
    public double Start { get; init; } = 2;

    /// <summary>Of the gates' noise.</summary>
    public long Seed { get; init; }

    /// <summary>Told the number of steps made.</summary>
    public IProgress<int>? Progress { get; init; }

    /// <summary>Ends the work between two steps.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>Refuses impossible values.</summary>
    /// <exception cref="OptionsException">Some are.</exception>
    public void Check()
    {
        if (Steps < 1 || Ramp is not (>= 0 and <= 1) || !(LearningRate > 0) || !(MultiplierRate > 0))
            throw new OptionsException($"Edge pruning: {Steps} steps at rates {LearningRate} and {MultiplierRate}, ramp {Ramp}; counts and rates must be positive, the ramp in 0–1.");
    }
}
