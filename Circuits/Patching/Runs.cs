namespace Prisma.Circuits;

/// <summary>Whether two runs differ at all.</summary>
internal static class Runs
{
    // Equal inputs give equal bits only in passes of the same shape; other differences than float32's rounding are far larger than this.
    internal const double Rounding = 1e-5;

    /// <summary>The mean targets of two runs are the same, to within <see cref="Rounding"/> of the targets' size.</summary>
    internal static bool Alike(IReadOnlyCollection<double> first, IReadOnlyCollection<double> second) =>
        Math.Abs(first.Average() - second.Average()) <= Rounding * Math.Max(first.Average(Math.Abs), second.Average(Math.Abs));
}
