namespace Prisma.Demo;

/// <summary>What the demo on painted pictures wrote and found.</summary>
/// <param name="Files">The report, then its sheets.</param>
/// <param name="Scores">How often switches of a trait worked.</param>
public sealed record DemoDiffusionResult(IReadOnlyList<string> Files, IReadOnlyList<SwitchScore> Scores);
