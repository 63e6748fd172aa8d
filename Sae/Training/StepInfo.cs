namespace Prisma.Sae;

/// <summary>What a coder may know about the step it is in.</summary>
public sealed record StepInfo
{
    /// <summary>The step's number, as the schedules count it.</summary>
    public required long Step { get; init; }

    /// <summary>How many steps the run has.</summary>
    public required long TotalSteps { get; init; }

    /// <summary>How far the penalty on activity has risen: 0 to 1.</summary>
    public double Sparsity { get; init; } = 1;

    /// <summary>What k is multiplied by while it still falls to its final value: at least 1.</summary>
    public double KFactor { get; init; } = 1;

    /// <summary>Which features are dead; told which fire.</summary>
    public required DeadFeatures Dead { get; init; }

    /// <summary>A seed for what is random in this step: the same whenever the step is repeated.</summary>
    public ulong Seed { get; init; }
}
