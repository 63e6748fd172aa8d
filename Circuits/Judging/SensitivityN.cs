using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Sensitivity-n (Ancona et al. 2018): over random sets of n patches, the correlation between a map's sum over the set and the target's fall
/// when the set is taken away (zero after normalisation). 1 for a map whose values are what the patches add.
/// </summary>
/// <param name="Sizes">n: 1, 2, 4 and so on, fewer than there are patches.</param>
/// <param name="Correlations">For each n; 0 where the map or the answer is the same for all sets.</param>
public sealed record SensitivityN(IReadOnlyList<int> Sizes, IReadOnlyList<double> Correlations)
{
    /// <summary>The mean over sizes.</summary>
    public double Mean => Correlations.Average();

    /// <summary>Measures one map.</summary>
    /// <param name="model">The model.</param>
    /// <param name="pixels">One picture [1, C, H, W]. Borrowed.</param>
    /// <param name="map">Its map.</param>
    /// <param name="target">Null: the class that the model chose. Followed as it is.</param>
    /// <param name="subsets">Random sets of each size (100 as published): as many passes of a picture.</param>
    /// <param name="batch">Pictures in one pass.</param>
    /// <param name="seed">Of the sets.</param>
    public static SensitivityN Of(HookedModel model, Tensor pixels, Heatmap map, Target? target = null, int subsets = 100, int batch = 32, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (subsets < 3) throw new OptionsException($"Sensitivity-n needs at least 3 sets for a correlation; got {subsets}.");
        var patches = new ChangedPatches("Sensitivity-n", model, pixels, map, target ?? new ChosenClass(model.Card.Labels), batch);
        var (random, places) = (new Random(seed), Enumerable.Range(0, patches.Order.Length).ToArray());
        List<int> sizes = [.. Enumerable.Range(0, 31).Select(power => 1 << power).TakeWhile(size => size < places.Length)];
        if (sizes.Count == 0) throw new NotApplicableException("Sensitivity-n does not apply: the picture has one patch.");
        int[][] sets = [.. sizes.SelectMany(size => Enumerable.Range(0, subsets).Select(_ =>
        {
            random.Shuffle(places);
            return places[..size];
        }))];
        var scores = patches.Scores(sets.Length, k => sets[k], removed => pixels - pixels * removed);
        return new SensitivityN(sizes, [.. sizes.Select((_, s) =>
        {
            var here = Enumerable.Range(s * subsets, subsets).ToList();
            return Pearson([.. here.Select(k => sets[k].Sum(place => (double)patches.Values[place]))], [.. here.Select(k => patches.Plain - scores[k])]);
        })]);
    }

    private static double Pearson(double[] a, double[] b)
    {
        var (meanA, meanB) = (a.Average(), b.Average());
        double product = 0, squareA = 0, squareB = 0;
        for (var k = 0; k < a.Length; k++)
        {
            product += (a[k] - meanA) * (b[k] - meanB);
            squareA += (a[k] - meanA) * (a[k] - meanA);
            squareB += (b[k] - meanB) * (b[k] - meanB);
        }
        // Rounding aside, a constant side says nothing.
        return squareA < 1e-24 || squareB < 1e-24 ? 0 : product / Math.Sqrt(squareA * squareB);
    }
}
