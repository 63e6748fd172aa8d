namespace Prisma.Demo;

/// <summary>How one architecture did on held-out scenes.</summary>
/// <param name="Name">The entry.</param>
/// <param name="L0">Active features per token.</param>
/// <param name="ExplainedVariance">Centred and global.</param>
/// <param name="Dead">Share of features that never fired.</param>
/// <param name="LossRecovered">Cross-entropy with the coder spliced in, between zeros (0) and the plain pass (1).</param>
/// <param name="Seconds">Time of training.</param>
public sealed record CoderContestRow(string Name, double L0, double ExplainedVariance, double Dead, double LossRecovered, double Seconds);
