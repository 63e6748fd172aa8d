using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Targeted probe perturbation (TPP, SAEBench): taking out the features of one class should hurt the probe of that class and of no other.
/// </summary>
public static class TargetedPerturbation
{
    /// <summary>
    /// By the number of features taken out: mean over classes of the drop of their own probe's accuracy minus the mean drop of the others'.
    /// Classes are told apart one against all, on balanced rows.
    /// </summary>
    /// <param name="train">Data that probes and effects come from.</param>
    /// <param name="trainClasses">The class of each row, from 0.</param>
    /// <param name="test">Data that accuracy is measured on.</param>
    /// <param name="testClasses">The class of each row.</param>
    /// <param name="directions">What features write [F, d].</param>
    /// <param name="counts">How many features are taken out.</param>
    /// <param name="seed">Which negatives are drawn.</param>
    /// <exception cref="PrismaException">Sizes do not fit, or there are fewer than two classes with examples in both sets.</exception>
    public static IReadOnlyDictionary<int, double> Score(PooledData train, IReadOnlyList<int> trainClasses, PooledData test, IReadOnlyList<int> testClasses,
        Tensor directions, IReadOnlyList<int> counts, ulong seed = 0)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        ArgumentNullException.ThrowIfNull(counts);
        int[] classes = [.. trainClasses.Distinct().Intersect(testClasses).Order()];
        if (classes.Length < 2) throw new OptionsException($"Targeted perturbation compares classes with each other; {classes.Length} have examples in both sets.");
        var tasks = new List<Task>();
        try
        {
            foreach (var one in classes) tasks.Add(Task.Of(train, trainClasses, test, testClasses, directions, one, seed));
            return counts.ToDictionary(count => count, count => tasks.Average(changed =>
            {
                int[] features = [.. changed.Ranked.Take(count)];
                var own = changed.Drop(features, directions);
                return own - tasks.Where(other => other != changed).Average(other => other.Drop(features, directions));
            }));
        }
        finally
        {
            foreach (var task in tasks) task.Test.Dispose();
        }
    }

    private sealed record Task(LinearProbe Probe, int[] Ranked, PooledData Test, bool[] Labels, double Before)
    {
        internal static Task Of(PooledData train, IReadOnlyList<int> trainClasses, PooledData test, IReadOnlyList<int> testClasses, Tensor directions, int own, ulong seed)
        {
            var (trainRows, trainLabels) = SparseProbing.Balanced(trainClasses, own, seed);
            using var data = train.Rows(trainRows);
            var probe = LinearProbe.Fit(data.Activations, trainLabels);
            var effects = data.Effects(trainLabels, probe, directions);
            int[] ranked = [.. Enumerable.Range(0, effects.Length).Where(k => effects[k] > 0).OrderByDescending(k => effects[k]).ThenBy(k => k)];
            var (testRows, testLabels) = SparseProbing.Balanced(testClasses, own, seed);
            var measured = test.Rows(testRows);
            return new Task(probe, ranked, measured, testLabels, probe.Accuracy(measured.Activations, testLabels));
        }

        internal double Drop(int[] features, Tensor directions)
        {
            using var without = Test.Without(features, directions);
            return Before - Probe.Accuracy(without, Labels);
        }
    }
}
