namespace Prisma.Sae;

/// <summary>How much of a concept other features have swallowed.</summary>
/// <param name="Examples">Examples of the concept that the probe finds.</param>
/// <param name="Fraction">Mean absorbed share; NaN without examples.</param>
/// <param name="Full">Share of examples on which the concept's own features are silent and another one carries it; NaN without examples.</param>
/// <param name="Main">The concept's own features.</param>
/// <param name="Rows">The examples with any absorption, as rows of the data.</param>
public sealed record AbsorptionScore(int Examples, double Fraction, double Full, IReadOnlyList<int> Main, IReadOnlyList<int> Rows);
