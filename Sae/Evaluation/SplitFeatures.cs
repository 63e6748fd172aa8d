using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The features that a concept is split into: k grows from 1 as long as the F1 of a probe on the k best features rises by more than a step
/// (SAEBench's rule). Features are ranked by the difference of class means instead of by an L1 probe.
/// </summary>
public static class SplitFeatures
{
    /// <summary>The features, most telling first; at least one.</summary>
    /// <param name="codes">[n, F].</param>
    /// <param name="labels">n labels.</param>
    /// <param name="step">How much the F1 has to rise.</param>
    /// <param name="most">The largest k.</param>
    /// <exception cref="PrismaException">Sizes do not fit, or a class has no example.</exception>
    public static IReadOnlyList<int> Find(Tensor codes, IReadOnlyList<bool> labels, double step = 0.03, int most = 10)
    {
        ArgumentNullException.ThrowIfNull(codes);
        var ranked = SparseProbing.Rank(codes, labels, most);
        var (taken, best) = (0, double.NegativeInfinity);
        for (var k = 1; k <= ranked.Count; k++)
        {
            using var scope = NewDisposeScope();
            var own = codes.index_select(1, tensor([.. ranked.Take(k).Select(feature => (long)feature)], [k]));
            var f1 = LinearProbe.Fit(own, labels, balanced: true).F1(own, labels);
            if (f1 <= best + step) break;
            (taken, best) = (k, f1);
        }
        return [.. ranked.Take(taken)];
    }
}
