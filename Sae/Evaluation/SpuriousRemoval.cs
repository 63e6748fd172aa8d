using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Spurious-correlation removal (SCR, SAEBench): a probe learns a label from data in which another attribute goes with it; taking out the
/// features of that attribute should give back the accuracy that the bias costs on balanced data.
/// </summary>
public static class SpuriousRemoval
{
    private const double SmallestGap = 0.001;

    /// <summary>Scores a coder.</summary>
    /// <param name="biased">Training data in which label and attribute go together; <paramref name="biasedLabels"/> are its labels.</param>
    /// <param name="biasedLabels">Per row of the biased data.</param>
    /// <param name="balanced">Training data in which they do not.</param>
    /// <param name="balancedLabels">Per row of the balanced data.</param>
    /// <param name="balancedAttributes">The other attribute, per row of the balanced data.</param>
    /// <param name="test">Further balanced data.</param>
    /// <param name="testLabels">Per row of the test data.</param>
    /// <param name="directions">What features write [F, d].</param>
    /// <param name="counts">How many features are taken out.</param>
    /// <exception cref="PrismaException">Sizes do not fit, or a class has no example.</exception>
    public static SpuriousRemovalScore Score(PooledData biased, IReadOnlyList<bool> biasedLabels, PooledData balanced, IReadOnlyList<bool> balancedLabels,
        IReadOnlyList<bool> balancedAttributes, PooledData test, IReadOnlyList<bool> testLabels, Tensor directions, IReadOnlyList<int> counts)
    {
        ArgumentNullException.ThrowIfNull(biased);
        ArgumentNullException.ThrowIfNull(balanced);
        ArgumentNullException.ThrowIfNull(test);
        ArgumentNullException.ThrowIfNull(counts);
        var learned = LinearProbe.Fit(biased.Activations, biasedLabels);
        var clean = LinearProbe.Fit(balanced.Activations, balancedLabels).Accuracy(test.Activations, testLabels);
        var before = learned.Accuracy(test.Activations, testLabels);
        var spurious = LinearProbe.Fit(balanced.Activations, balancedAttributes);
        var effects = balanced.Effects(balancedAttributes, spurious, directions);
        int[] ranked = [.. Enumerable.Range(0, effects.Length).Where(k => effects[k] != 0).OrderByDescending(k => Math.Abs(effects[k])).ThenBy(k => k)];
        var after = counts.ToDictionary(count => count, count =>
        {
            using var without = test.Without([.. ranked.Take(count)], directions);
            return learned.Accuracy(without, testLabels);
        });
        return new SpuriousRemovalScore(before, clean, after, counts.ToDictionary(count => count,
            count => clean - before < SmallestGap ? 0 : (after[count] - before) / (clean - before)));
    }
}
