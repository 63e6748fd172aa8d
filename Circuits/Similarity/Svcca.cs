using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Singular vector canonical correlation (Raghu et al. 2017): both representations are cut to their main directions, and the mean of their
/// canonical correlations says how far they span the same space. 1 for any invertible map between them that keeps the directions.
/// </summary>
public static class Svcca
{
    /// <summary>The score, and the canonical correlations, largest first.</summary>
    /// <param name="x">[n, a].</param>
    /// <param name="y">[n, b], rows of the same inputs; n well above a and b.</param>
    /// <param name="variance">The share of variance that the kept directions carry.</param>
    public static (double Score, double[] Correlations) Of(Tensor x, Tensor y, double variance = 0.99)
    {
        CentredRows.Check(x, y, least: 2);
        if (variance is not (> 0 and <= 1)) throw new OptionsException($"SVCCA: the share of variance is {variance}, must be above 0 and at most 1.");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var (_, correlations, _) = linalg.svd(Main(x, variance).t().matmul(Main(y, variance)), fullMatrices: false);
        double[] values = [.. correlations.cpu().data<double>().ToArray().Select(value => Math.Min(1, value))];
        return (values.Average(), values);
    }

    // An orthonormal basis of the inputs' main directions, [n, kept].
    private static Tensor Main(Tensor x, double variance)
    {
        var (u, s, _) = linalg.svd(CentredRows.Of(x), fullMatrices: false);
        var squares = s.square().cpu().data<double>().ToArray();
        var (sum, kept, wanted) = (0.0, 0, variance * squares.Sum() * (1 - 1e-12));
        while (kept < squares.Length && sum < wanted) sum += squares[kept++];
        return u.narrow(1, 0, Math.Max(1, kept));
    }
}
