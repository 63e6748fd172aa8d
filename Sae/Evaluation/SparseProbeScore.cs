namespace Prisma.Sae;

/// <summary>How well a concept is read off from few columns.</summary>
/// <param name="Columns">The features, the most telling first.</param>
/// <param name="Accuracy">On rows that were not fitted on.</param>
public sealed record SparseProbeScore(IReadOnlyList<int> Columns, double Accuracy);
