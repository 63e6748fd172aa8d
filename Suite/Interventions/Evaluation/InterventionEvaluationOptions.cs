using Prisma.Core;

namespace Prisma;

/// <summary>What is evaluated of coders of a U-net's blocks.</summary>
public sealed record InterventionEvaluationOptions
{
    /// <summary>Features looked at for each block and picture: those that fire most there.</summary>
    public int Features { get; init; } = 5;

    /// <summary>What happens to a feature: its contribution times this is added. −1 takes it away, 1 doubles it.</summary>
    public double Strength { get; init; } = -1;

    /// <summary>The seed of the random directions that features are compared with.</summary>
    public long Seed { get; init; }

    internal void Check()
    {
        if (Features < 1) throw new OptionsException($"{Features} features are none: look at 1 or more.");
        if (!double.IsFinite(Strength) || Strength == 0) throw new OptionsException($"A strength of {Strength} changes nothing: give another number than 0.");
    }
}
