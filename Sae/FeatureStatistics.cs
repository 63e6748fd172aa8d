namespace Prisma.Sae;

/// <summary>How strongly each feature fires over its training data: what an intervention's strength is measured in.</summary>
/// <param name="Mean">Each feature's mean: F values.</param>
/// <param name="Deviation">Each feature's standard deviation: F values.</param>
public sealed record FeatureStatistics(IReadOnlyList<float> Mean, IReadOnlyList<float> Deviation);
