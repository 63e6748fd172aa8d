using Prisma.Core;

namespace Prisma.Sae;

/// <summary>How <see cref="SmallTrainer"/> trains. The defaults suit some 100,000 vectors of width 100 or so.</summary>
public sealed record SmallTrainerOptions
{
    /// <summary>Number of features, d_sae.</summary>
    public required int Features { get; init; }

    /// <summary>Features per vector of a top-k coder; 0 trains a ReLU coder with an L1 penalty.</summary>
    public int K { get; init; } = 32;

    /// <summary>Weight of Σ f per vector for ReLU coders, for inputs of unit variance per channel.</summary>
    public double L1 { get; init; } = 0.01;

    /// <summary>Number of steps.</summary>
    public int Steps { get; init; } = 4000;

    /// <summary>Vectors per step.</summary>
    public int Batch { get; init; } = 1024;

    /// <summary>Adam's step size after warm-up; it falls to zero linearly over the last fifth.</summary>
    public double LearningRate { get; init; } = 1e-3;

    /// <summary>Steps over which the step size (and the L1 penalty) rise from zero.</summary>
    public int WarmUp { get; init; } = 100;

    /// <summary>Weight of the loss by which dead features of a top-k coder learn the error (Gao et al. 2024: 1/32).</summary>
    public double DeadLossWeight { get; init; } = 1.0 / 32;

    /// <summary>Vectors without firing after which a feature counts as dead in training.</summary>
    public long DeadAfter { get; init; } = 100_000;

    /// <summary>Seed of initial weights and data order.</summary>
    public long Seed { get; init; }

    /// <summary>Lists every fault.</summary>
    /// <exception cref="OptionsException">A value is out of range.</exception>
    internal void Validate(long width)
    {
        var faults = new List<string>();
        if (Features < 1) faults.Add($"Features = {Features} must be at least 1");
        if (K < 0 || K > Features) faults.Add($"K = {K} must be between 0 and Features = {Features}");
        if (Steps < 1) faults.Add($"Steps = {Steps} must be at least 1");
        if (Batch < 2) faults.Add($"Batch = {Batch} must be at least 2");
        if (!(LearningRate > 0)) faults.Add($"LearningRate = {LearningRate} must be above 0");
        if (!(L1 >= 0)) faults.Add($"L1 = {L1} must not be negative");
        if (!(DeadLossWeight >= 0)) faults.Add($"DeadLossWeight = {DeadLossWeight} must not be negative");
        if (WarmUp < 0 || DeadAfter < 1) faults.Add("WarmUp must not be negative and DeadAfter be at least 1");
        if (width < 1) faults.Add("the activations have no width");
        if (faults.Count > 0) throw new OptionsException($"The trainer's options do not work: {string.Join("; ", faults)}.");
    }
}
