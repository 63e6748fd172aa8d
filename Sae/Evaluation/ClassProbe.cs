using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Tells several classes apart by one binary logistic regression each, the highest score winning; the penalty is chosen on a fifth of the training rows. What MOSAIC and
/// others put on pooled features.
/// </summary>
/// <param name="Probes">One for each class.</param>
/// <param name="C">How much the data weigh against the penalty.</param>
public sealed record ClassProbe(IReadOnlyList<LinearProbe> Probes, double C)
{
    private const int Held = 5;

    /// <summary>Fits a probe for each class.</summary>
    /// <param name="x">[n, d].</param>
    /// <param name="classes">The class of each row, from 0.</param>
    /// <param name="grid">Values of C to choose from; 0.1, 1 and 10 where null.</param>
    /// <exception cref="PrismaException">Sizes do not fit, or a class has too few rows.</exception>
    public static ClassProbe Fit(Tensor x, IReadOnlyList<int> classes, IReadOnlyList<double>? grid = null)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(classes);
        grid ??= [0.1, 1, 10];
        if (x.ndim != 2 || x.shape[0] != classes.Count) throw new ShapeException($"A probe was given [{string.Join(", ", x.shape)}] and {classes.Count} classes; [n, d] and n are needed.");
        if (grid.Count == 0) throw new OptionsException("A probe needs at least one value of C.");
        if (classes.Min() < 0 || Enumerable.Range(0, classes.Max() + 1).FirstOrDefault(k => !classes.Contains(k), -1) >= 0)
            throw new OptionsException($"Classes are counted from 0 and none is left out; got {string.Join(", ", classes.Distinct().Order().Take(8))}.");
        if (grid.Count == 1) return Of(x, classes, grid[0]);
        using var scope = NewDisposeScope();
        // Every fifth row of a class is held out, so that each class is on both sides.
        var turn = new Dictionary<int, int>();
        bool[] held = [.. classes.Select(k => (turn[k] = turn.GetValueOrDefault(k) + 1) % Held == 0)];
        var (fitted, left) = (Rows(held, false), Rows(held, true));
        if (left.Length == 0 || fitted.Select(row => classes[row]).Distinct().Count() != classes.Distinct().Count()) return Of(x, classes, grid[grid.Count / 2]);
        var (train, test) = (x.index_select(0, Index(fitted)), x.index_select(0, Index(left)));
        var best = grid.MaxBy(c => Of(train, [.. fitted.Select(row => classes[row])], c).MacroF1(test, [.. left.Select(row => classes[row])]));
        return Of(x, classes, best);
    }

    /// <summary>The class of every row of [n, d].</summary>
    public int[] Predict(Tensor x)
    {
        var scores = Probes.Select(probe => probe.Scores(x)).ToArray();
        return [.. Enumerable.Range(0, scores[0].Length).Select(row => Enumerable.Range(0, scores.Length).MaxBy(k => scores[k][row]))];
    }

    /// <summary>The mean over classes of F1: 2·hits / (said + true).</summary>
    public double MacroF1(Tensor x, IReadOnlyList<int> classes)
    {
        ArgumentNullException.ThrowIfNull(classes);
        var said = Predict(x);
        if (said.Length != classes.Count) throw new ShapeException($"{said.Length} rows and {classes.Count} classes were given.");
        return Enumerable.Range(0, Probes.Count).Average(k =>
        {
            var hits = said.Zip(classes).Count(pair => pair.First == k && pair.Second == k);
            var all = said.Count(one => one == k) + classes.Count(one => one == k);
            return all == 0 ? 1 : 2.0 * hits / all;
        });
    }

    private static ClassProbe Of(Tensor x, IReadOnlyList<int> classes, double c) =>
        new([.. Enumerable.Range(0, classes.Max() + 1).Select(k => LinearProbe.Fit(x, [.. classes.Select(one => one == k)], c))], c);

    private static int[] Rows(bool[] held, bool wanted) => [.. Enumerable.Range(0, held.Length).Where(row => held[row] == wanted)];

    private static Tensor Index(int[] rows) => tensor([.. rows.Select(row => (long)row)], [rows.Length]);
}
