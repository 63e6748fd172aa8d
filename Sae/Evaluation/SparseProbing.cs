using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// k-sparse probing (SAEBench): can a concept be read off from one feature, or from few? The k columns whose means differ most between both
/// classes on the training half carry a logistic regression, which is scored on the other half.
/// </summary>
public static class SparseProbing
{
    /// <summary>The columns with the largest |mean of positives − mean of negatives|, largest first; ties by lower number.</summary>
    /// <exception cref="PrismaException">Sizes do not fit, or a class has no example.</exception>
    public static IReadOnlyList<int> Rank(Tensor x, IReadOnlyList<bool> labels, int count)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        var differences = MeanDifference(x, labels);
        return [.. Enumerable.Range(0, differences.Length).OrderByDescending(k => Math.Abs(differences[k])).ThenBy(k => k).Take(count)];
    }

    /// <summary>Accuracy on the test rows of a probe on the k best columns of the training rows.</summary>
    /// <param name="train">[n, F].</param>
    /// <param name="trainLabels">n labels.</param>
    /// <param name="test">[m, F].</param>
    /// <param name="testLabels">m labels.</param>
    /// <param name="k">How many columns.</param>
    /// <exception cref="PrismaException">Sizes do not fit, k is out of range, or a class has no example.</exception>
    public static SparseProbeScore Score(Tensor train, IReadOnlyList<bool> trainLabels, Tensor test, IReadOnlyList<bool> testLabels, int k)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(test);
        if (train.ndim != 2 || test.ndim != 2 || train.shape[1] != test.shape[1])
            throw new ShapeException($"Sparse probing: training data [{string.Join(", ", train.shape)}] and test data [{string.Join(", ", test.shape)}] must have the same columns.");
        if (k < 1 || k > train.shape[1]) throw new OptionsException($"A probe on {k} columns was asked for; there are {train.shape[1]}.");
        using var scope = NewDisposeScope();
        var columns = Rank(train, trainLabels, k);
        var index = tensor([.. columns.Select(column => (long)column)], [columns.Count]);
        var probe = LinearProbe.Fit(train.index_select(1, index), trainLabels);
        return new SparseProbeScore(columns, probe.Accuracy(test.index_select(1, index), testLabels));
    }

    /// <summary>
    /// All positives and as many negatives, drawn by the seed and spread evenly over the other classes: the rows of a one-against-all task.
    /// Where negatives are scarce, positives are drawn instead.
    /// </summary>
    /// <param name="classes">The class of each row.</param>
    /// <param name="positive">The class against all others.</param>
    /// <param name="seed">Which negatives.</param>
    /// <returns>Row numbers and their labels, in ascending order of rows.</returns>
    public static (int[] Rows, bool[] Labels) Balanced(IReadOnlyList<int> classes, int positive, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(classes);
        var random = new Random(unchecked((int)Seeds.Mixed((long)seed, positive)));
        int[] Shuffled(IEnumerable<int> rows)
        {
            int[] mixed = [.. rows];
            random.Shuffle(mixed);
            return mixed;
        }
        var own = Shuffled(Enumerable.Range(0, classes.Count).Where(row => classes[row] == positive));
        // One row of every other class in turn.
        int[] others = [.. Enumerable.Range(0, classes.Count).Where(row => classes[row] != positive).GroupBy(row => classes[row]).OrderBy(group => group.Key)
            .SelectMany(group => Shuffled(group).Select((row, turn) => (row, turn))).OrderBy(pair => pair.turn).Select(pair => pair.row)];
        var size = Math.Min(own.Length, others.Length);
        int[] rows = [.. own.Take(size).Concat(others.Take(size)).Order()];
        return (rows, [.. rows.Select(row => classes[row] == positive)]);
    }

    internal static double[] MeanDifference(Tensor x, IReadOnlyList<bool> labels)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(labels);
        if (x.ndim != 2 || x.shape[0] != labels.Count) throw new ShapeException($"[{string.Join(", ", x.shape)}] and {labels.Count} labels do not fit: [n, F] and n labels are needed.");
        var positive = labels.Count(label => label);
        if (positive == 0 || positive == labels.Count) throw new OptionsException($"Both classes need examples; {positive} of {labels.Count} are positive.");
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var weights = tensor([.. labels.Select(label => label ? 1.0 / positive : -1.0 / (labels.Count - positive))], [labels.Count]);
        return x.to(float64).cpu().t().matmul(weights).data<double>().ToArray();
    }
}
