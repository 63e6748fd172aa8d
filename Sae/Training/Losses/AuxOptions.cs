namespace Prisma.Sae;

/// <summary>
/// The loss by which dead features learn what the living ones leave over ("AuxK", Gao et al. 2024). The named choices cover the references;
/// the defaults are the paper's.
/// </summary>
public sealed record AuxOptions
{
    /// <summary>What it is multiplied by; 0 leaves it out.</summary>
    public double Weight { get; init; } = 1.0 / 32;

    /// <summary>Dead features used per row; null for half the width.</summary>
    public int? K { get; init; }

    /// <summary>How dead features are chosen.</summary>
    public AuxCandidates Candidates { get; init; } = AuxCandidates.Positive;

    /// <summary>What the squared error is divided by.</summary>
    public AuxScale Scale { get; init; } = AuxScale.ErrorVariance;

    /// <summary>Whether the loss shrinks by (number of dead) / K while there are fewer dead features than K (sparsify, SAELens).</summary>
    public bool ShrinksWithFewDead { get; init; }

    /// <summary>Whether the decoder's bias is added to what dead features predict (sparsify, SAELens, OpenAI).</summary>
    public bool AddsBias { get; init; }

    /// <summary>Whether the bias, as a constant, is added to the target as well (OpenAI).</summary>
    public bool TargetsBias { get; init; }

    /// <summary>Whether gradients reach the encoder; sparsify's do not.</summary>
    public bool TrainsEncoder { get; init; } = true;
}
