namespace Prisma.Sae;

/// <summary>How one coder stands after a step, measured on that step's rows.</summary>
public sealed record TrainMeasurement
{
    /// <summary>The coder's name.</summary>
    public required string Coder { get; init; }

    /// <summary>Steps done.</summary>
    public required long Step { get; init; }

    /// <summary>Steps in all.</summary>
    public required long Steps { get; init; }

    /// <summary>Rows of the data used so far.</summary>
    public required long Rows { get; init; }

    /// <summary>What was minimised in this step.</summary>
    public required double Loss { get; init; }

    /// <summary>The parts of the loss, before their weights.</summary>
    public required IReadOnlyDictionary<string, double> Terms { get; init; }

    /// <summary>Active features per row.</summary>
    public required double L0 { get; init; }

    /// <summary>Explained variance, centred and global, of the coder as it would be used.</summary>
    public required double ExplainedVariance { get; init; }

    /// <summary>Share of features that count as dead.</summary>
    public required double Dead { get; init; }

    /// <summary>The step size.</summary>
    public required double LearningRate { get; init; }

    /// <summary>How this step found its gradients: through the entries that were kept, or over all features.</summary>
    public GradientPath Gradients { get; init; }
}
