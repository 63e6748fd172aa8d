namespace Prisma.Bench;

/// <summary>Two things timed by turns in one run: medians, and the median of the ratios of neighbours, which a change of load touches least.</summary>
/// <param name="Ours">Median seconds of the first.</param>
/// <param name="Theirs">Median seconds of the second.</param>
/// <param name="Ratio">Median of first / second over the rounds.</param>
/// <param name="Least">Smallest ratio of a round.</param>
/// <param name="Most">Largest ratio of a round.</param>
internal sealed record Comparison(double Ours, double Theirs, double Ratio, double Least, double Most)
{
    /// <summary>Times both sides by turns; the order within a round alternates. One round before the first is not counted.</summary>
    public static Comparison ByTurns(int rounds, Func<double> ours, Func<double> theirs)
    {
        var first = new List<double>();
        var second = new List<double>();
        for (var round = -1; round < rounds; round++)
        {
            var (a, b) = round % 2 == 0 ? (ours(), theirs()) : Swapped(theirs(), ours);
            if (round < 0)
                continue;
            first.Add(a);
            second.Add(b);
        }
        var ratios = first.Zip(second, (a, b) => a / b).ToList();
        return new(Median(first), Median(second), Median(ratios), ratios.Min(), ratios.Max());
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }

    private static (double, double) Swapped(double b, Func<double> ours) => (ours(), b);
}
