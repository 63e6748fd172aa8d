namespace Prisma.Sae;

/// <summary>Where a training run stands.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Steps">Steps in all.</param>
/// <param name="UnexplainedVariance">Σ‖e‖² / Σ‖x − x̄‖² of the last batch.</param>
/// <param name="L0">Active features per vector in the last batch.</param>
/// <param name="Dead">Features that have not fired for <see cref="SmallTrainerOptions.DeadAfter"/> vectors.</param>
public readonly record struct TrainProgress(int Step, int Steps, double UnexplainedVariance, double L0, int Dead);
