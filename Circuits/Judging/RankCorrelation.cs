using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>Spearman's rank correlation.</summary>
public static class RankCorrelation
{
    /// <summary>−1 to 1; equal values share their mean rank; NaN where one side is constant.</summary>
    /// <exception cref="ShapeException">The two have different lengths.</exception>
    public static double Of(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        if (a.Length != b.Length) throw new ShapeException($"A rank correlation needs two rows of one length, got {a.Length} and {b.Length} values.");
        var (ranksA, ranksB) = (Ranks(a), Ranks(b));
        var middle = (a.Length - 1) / 2.0;
        double product = 0, squareA = 0, squareB = 0;
        for (var k = 0; k < a.Length; k++)
        {
            product += (ranksA[k] - middle) * (ranksB[k] - middle);
            squareA += (ranksA[k] - middle) * (ranksA[k] - middle);
            squareB += (ranksB[k] - middle) * (ranksB[k] - middle);
        }
        return product / Math.Sqrt(squareA * squareB);
    }

    private static double[] Ranks(ReadOnlySpan<float> values)
    {
        var sorted = values.ToArray();
        var order = Enumerable.Range(0, sorted.Length).ToArray();
        Array.Sort(sorted, order);
        var ranks = new double[sorted.Length];
        for (var first = 0; first < sorted.Length;)
        {
            var end = first + 1;
            while (end < sorted.Length && sorted[end].Equals(sorted[first])) end++;
            for (var k = first; k < end; k++) ranks[order[k]] = (first + end - 1) / 2.0;
            first = end;
        }
        return ranks;
    }
}
