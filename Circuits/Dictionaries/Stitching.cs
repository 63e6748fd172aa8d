using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>One step from the small dictionary to the large one.</summary>
/// <param name="Added">Features of the large dictionary that came in.</param>
/// <param name="Removed">Features of the small one that went out.</param>
/// <param name="Mse">The squared error of a row after the step, mean over the rows.</param>
/// <param name="Active">Features that fire on a row, mean over the rows.</param>
public sealed record StitchStep(IReadOnlyList<int> Added, IReadOnlyList<int> Removed, double Mse, double Active);

/// <summary>
/// SAE stitching (Leask et al. 2025): features of a large dictionary are put into a small one. Those unlike all of its features (cosine below a threshold)
/// are new and should lower the error; those like one of them double it and have to be swapped for what they resemble.
/// </summary>
/// <param name="Cosines">For each feature of the large dictionary the largest decoder cosine with one of the small.</param>
/// <param name="Nearest">Which one that is.</param>
/// <param name="Changes">What adding that feature alone to the small dictionary does to the squared error of a row, mean over the rows: negative where it helps.</param>
/// <param name="Steps">From the small dictionary to the large: new features one at a time, then groups swapped.</param>
public sealed record Stitching(IReadOnlyList<double> Cosines, IReadOnlyList<int> Nearest, IReadOnlyList<double> Changes, IReadOnlyList<StitchStep> Steps)
{
    /// <summary>
    /// How well the cosine tells features that help from those that harm: the area under the ROC curve, 0.5 for chance; NaN where all do the same.
    /// </summary>
    public double Auc
    {
        get
        {
            var (helps, harms) = (new List<double>(), new List<double>());
            for (var k = 0; k < Changes.Count; k++)
                if (Changes[k] != 0) (Changes[k] < 0 ? helps : harms).Add(Cosines[k]);
            if (helps.Count == 0 || harms.Count == 0) return double.NaN;
            return harms.Average(harm => helps.Average(help => harm > help ? 1 : harm == help ? 0.5 : 0));
        }
    }

    /// <summary>Features of the large dictionary that are new at a threshold.</summary>
    public IReadOnlyList<int> Novel(double threshold = 0.7) => [.. Enumerable.Range(0, Cosines.Count).Where(k => Cosines[k] < threshold)];

    /// <summary>Stitches two coders of one place.</summary>
    /// <param name="small">The small coder. Borrowed.</param>
    /// <param name="large">The large one. Borrowed.</param>
    /// <param name="rows">Values at the place, [n, d].</param>
    /// <param name="threshold">The cosine below which a feature is new.</param>
    /// <exception cref="ShapeException">The coders have other widths than the rows, or write elsewhere than they read.</exception>
    public static Stitching Of(ISparseCoder small, ISparseCoder large, Tensor rows, double threshold = 0.7)
    {
        ArgumentNullException.ThrowIfNull(small);
        ArgumentNullException.ThrowIfNull(large);
        ArgumentNullException.ThrowIfNull(rows);
        foreach (var coder in new[] { small, large })
        {
            if (rows.ndim != 2 || coder.Card.Inputs != rows.shape[1] || coder.Card.Outputs != rows.shape[1])
                throw new ShapeException($"Stitching: {coder.Card.Name} maps {coder.Card.Inputs} → {coder.Card.Outputs}; the rows are [{string.Join(", ", rows.shape)}].");
            LinearWriting.Check(coder, rows.narrow(0, 0, Math.Min(16, rows.shape[0])));
        }
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var alike = nn.functional.normalize(large.Directions).matmul(nn.functional.normalize(small.Directions).t());
        var (best, nearest) = alike.max(1);
        double[] cosines = [.. Numbers.Of(best).Select(value => (double)value)];
        int[] near = [.. nearest.data<long>().ToArray().Select(k => (int)k)], back = [.. alike.argmax(0).data<long>().ToArray().Select(k => (int)k)];
        using var smallCodes = small.Encode(rows);
        using var largeCodes = large.Encode(rows);
        var state = new State(rows, Part.Of(small, smallCodes), Part.Of(large, largeCodes));
        var changes = state.Alone();
        var steps = new List<StitchStep> { state.Step([], []) };
        var groups = Groups(cosines, near, back, threshold);
        var taken = groups.SelectMany(group => group.Large).ToHashSet();
        var novel = Enumerable.Range(0, cosines.Length).Where(k => !taken.Contains(k)).OrderBy(k => cosines[k]).ToList();
        state.Changes = novel.Count + groups.Count;
        foreach (var feature in novel) steps.Add(state.Step([feature], []));
        foreach (var (more, less) in groups) steps.Add(state.Step(more, less));
        return new Stitching(cosines, near, changes, steps);
    }

    // Features that have to be swapped together: a feature of either side goes with the nearest of the other, unless it is a new one that no small feature is nearest to.
    private static List<(int[] Large, int[] Small)> Groups(double[] cosines, int[] near, int[] back, double threshold)
    {
        var (large, small) = (near.Length, back.Length);
        var root = Enumerable.Range(0, large + small).ToArray();
        int Root(int k) => root[k] == k ? k : root[k] = Root(root[k]);
        for (var i = 0; i < small; i++) root[Root(large + i)] = Root(back[i]);
        for (var j = 0; j < large; j++)
            if (cosines[j] >= threshold) root[Root(large + near[j])] = Root(j);
        return [.. Enumerable.Range(0, large + small).GroupBy(Root).Select(group => (group.Where(k => k < large).ToArray(), group.Where(k => k >= large).Select(k => k - large).ToArray())).Where(group => group.Item2.Length > 0)];
    }

    // One dictionary's codes [n, F], directions [F, d] and constant [d].
    private sealed record Part(Tensor Codes, Tensor Directions, Tensor Bias)
    {
        internal static Part Of(ISparseCoder coder, Codes codes)
        {
            using var silent = new DenseCodes(zeros(1, coder.Card.Features));
            return new Part(codes.ToDense(), coder.Directions, coder.DecodeAlone(silent)[0]);
        }
    }

    private sealed class State(Tensor rows, Part small, Part large)
    {
        private readonly HashSet<int> _added = [], _left = [.. Enumerable.Range(0, (int)small.Codes.shape[1])];
        private readonly Tensor _written = small.Codes.matmul(small.Directions);
        private int _done;

        internal int Changes { get; set; }

        // Σ over rows of −2 z⟨r, d⟩ + z²‖d‖², for every feature of the large dictionary at once.
        internal double[] Alone()
        {
            using var scope = NewDisposeScope();
            var rest = rows - _written - small.Bias;
            var along = (large.Codes.t().matmul(rest) * large.Directions).sum(1L);
            var change = large.Codes.square().sum(0L) * large.Directions.square().sum(1L) - along * 2;
            return [.. Numbers.Of(change / rows.shape[0]).Select(value => (double)value)];
        }

        internal StitchStep Step(int[] add, int[] remove)
        {
            using var scope = NewDisposeScope();
            foreach (var (part, features, sign) in new[] { (large, add, 1), (small, remove, -1) })
            {
                if (features.Length == 0) continue;
                var index = tensor([.. features.Select(k => (long)k)], [features.Length]);
                _written.add_(part.Codes.index_select(1, index).matmul(part.Directions.index_select(0, index)) * sign);
            }
            _added.UnionWith(add);
            _left.ExceptWith(remove);
            // What the decoders add to every row goes over from the one to the other in step.
            if (add.Length + remove.Length > 0) _done++;
            var share = Changes > 0 ? (double)_done / Changes : 0;
            var error = rows - _written - (small.Bias * (1 - share) + large.Bias * share);
            return new StitchStep(add, remove, error.square().sum(1L).mean().item<float>(), Active(small, _left) + Active(large, _added));
        }

        private double Active(Part part, HashSet<int> features)
        {
            if (features.Count == 0) return 0;
            var index = tensor([.. features.Select(k => (long)k)], [features.Count]);
            return part.Codes.index_select(1, index).ne(0).sum().item<long>() / (double)rows.shape[0];
        }
    }
}
