namespace Prisma.Sae;

/// <summary>The feature and threshold that agree best with a known property.</summary>
/// <param name="Property">The property's name.</param>
/// <param name="Feature">The feature; −1 where none ever fires on it.</param>
/// <param name="Threshold">As a share of the feature's maximum.</param>
/// <param name="F1">Harmonic mean of precision and recall.</param>
/// <param name="BaseRate">The share of vectors that show the property.</param>
public sealed record TruthMatch(string Property, int Feature, double Threshold, double F1, double BaseRate)
{
    /// <summary>The F1 of saying yes always: what a match has to exceed.</summary>
    public double Chance => 2 * BaseRate / (1 + BaseRate);
}
