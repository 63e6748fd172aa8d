namespace Prisma.Sae;

/// <summary>What one step of training measured, before the update.</summary>
/// <param name="Step">The step's number.</param>
/// <param name="Losses">The parts of the loss by name: value and weight.</param>
public sealed record StepReport(long Step, IReadOnlyDictionary<string, (double Value, double Weight)> Losses)
{
    /// <summary>The step size that was used.</summary>
    public double LearningRate { get; init; }

    /// <summary>How gradients were found.</summary>
    public GradientPath Gradients { get; init; }

    /// <summary>What was minimised.</summary>
    public double Total => Losses.Values.Sum(term => term.Value * term.Weight);
}
