using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Edge attribution patching: what corrupting a single edge u → v of the stream's graph does to the target,
/// Σ ⟨u(corrupt) − u(clean), ∂M/∂(input of v)⟩ over tokens, mean over examples; all edges from a few passes. Equals patching each edge
/// where the model is linear.
/// </summary>
public static class EdgeAttribution
{
    /// <summary>Scores every edge.</summary>
    /// <param name="model">The model.</param>
    /// <param name="clean">The examples that show the behaviour. Borrowed.</param>
    /// <param name="corrupt">As many examples of the same shape that do not.</param>
    /// <param name="target">Null: the logit of the class that the model chose on the clean example.</param>
    /// <param name="method">How.</param>
    /// <param name="steps">Of <see cref="EdgeMethod.Integrated"/> and <see cref="EdgeMethod.Activations"/>: 5 as published; more where the target is strongly curved.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <param name="options">For <see cref="EdgeMethod.Exact"/>: rows of a pass.</param>
    /// <exception cref="NotApplicableException">The stream is not a plain sum of heads and MLPs.</exception>
    public static EdgeScores Score(HookedModel model, ModelInput clean, ModelInput corrupt, Target? target = null, EdgeMethod method = EdgeMethod.Integrated,
        int steps = 5, string part = "", PatchOptions? options = null)
    {
        if (steps < 1) throw new OptionsException($"Edge attribution: steps is {steps}, must be at least 1.");
        using var scope = NewDisposeScope();
        var graph = StreamGraph.Of(model, clean, part);
        using var run = EdgeRun.Record(model, clean, corrupt, graph, target, options);
        if (method == EdgeMethod.Exact) return Exact(run);
        var groups = graph.WriterGroups().ToList();
        // Everything on the way starts at the input, or each place that writes is on a way of its own.
        var rows = method == EdgeMethod.Activations
            ? groups.Select(group => Rows(run, [group], group.Site, Shares(method, steps))).ToList()
            : [Rows(run, groups, groups[0].Site, Shares(method, steps))];
        var numbers = Numbers.Of(cat(rows, 0) / run.Pair.Settled.Examples);
        var values = new double[graph.Writers.Count, graph.Readers.Count];
        for (var w = 0; w < graph.Writers.Count; w++)
            for (var r = 0; r < graph.Readers.Count; r++)
                if (graph.HasEdge(graph.Writers[w], graph.Readers[r])) values[w, r] = numbers[w * graph.Readers.Count + r];
        return new EdgeScores(graph, values, Name(method, steps), run.Pair.Settled.Name) { Forwards = 2 + 2 * Shares(method, steps).Count() * rows.Count };
    }

    // What corrupting some writers does to each reader, [writers, readers], by the mean gradient on one way.
    private static Tensor Rows(EdgeRun run, List<(HookSite Site, int First, int Count)> groups, HookSite moved, IEnumerable<double> shares)
    {
        using var scope = NewDisposeScope();
        using var gradients = new SummedGradients(run.Graph, run.Graph.Writers[groups[0].First]);
        foreach (var share in shares) gradients.Add(run, moved, share);
        var differences = groups.Select(group => ByNode(run.Arriving(group.Site, run.Pair.Corrupt.Cache[group.Site] - run.Pair.Clean.Cache[group.Site]), group.Count)).ToList();
        return cat(differences, 0).matmul(gradients.Mean().t()).MoveToOuterDisposeScope();
    }

    // 1 is the clean run, 0 the corrupted one; the integral's points as in the published code.
    private static IEnumerable<double> Shares(EdgeMethod method, int steps) => method switch
    {
        EdgeMethod.Integrated or EdgeMethod.Activations => Enumerable.Range(0, steps).Select(k => (double)k / steps),
        EdgeMethod.BothEnds => [0, 1],
        _ => [1],
    };

    private static string Name(EdgeMethod method, int steps) => method switch
    {
        EdgeMethod.Integrated => $"EAP-IG, {steps} steps",
        EdgeMethod.Activations => $"EAP-IG on activations, {steps} steps",
        EdgeMethod.BothEnds => "EAP, gradients of both runs",
        EdgeMethod.Exact => "each edge patched",
        _ => "EAP",
    };

    // [B, P, d] or [B, P, H, d] to [nodes, B·P·d].
    internal static Tensor ByNode(Tensor value, int nodes) => value.ndim == 4 ? value.permute(2, 0, 1, 3).reshape(nodes, -1) : value.reshape(1, -1);

    private static EdgeScores Exact(EdgeRun run)
    {
        var graph = run.Graph;
        var values = new double[graph.Writers.Count, graph.Readers.Count];
        var edges = new EdgeScores(graph, values, Name(EdgeMethod.Exact, 0), run.Pair.Settled.Name).Ranked();
        var before = run.Pair.Scores(run.Pair.Clean).Average();
        var after = run.Targets([.. edges.Select(edge => EdgeCircuit.All(graph).Without(edge.From, edge.To))]);
        for (var k = 0; k < edges.Count; k++) values[graph.WriterIndex(edges[k].From), graph.ReaderIndex(edges[k].To)] = after[k].Average() - before;
        return new EdgeScores(graph, values, Name(EdgeMethod.Exact, 0), run.Pair.Settled.Name) { Forwards = 2 + edges.Count };
    }

    // Sums of gradients at all readers, [readers, B·P·d]; zero at those that a writer does not reach, which lie before it.
    private sealed class SummedGradients(StreamGraph graph, StreamNode writer) : IDisposable
    {
        private Tensor? _sum;
        private int _count;

        internal Tensor Mean() => _sum! / _count;

        internal void Add(EdgeRun run, HookSite moved, double share)
        {
            using var scope = NewDisposeScope();
            HookSite[] readers = [.. graph.ReaderGroups().Where(Reached).Select(group => group.Site)];
            var (clean, corrupt) = (run.Pair.Clean.Cache[moved], run.Pair.Corrupt.Cache[moved]);
            var plan = share >= 1 ? HookPlan.Empty : HookPlan.Empty.Edit(moved, (_, _) => corrupt + (clean - corrupt) * share);
            using var gradients = AttributionPatching.GradientsOf(run.Model, run.Input, run.Pair.Settled, readers, plan);
            var found = graph.ReaderGroups().Where(Reached).Select(group => ByNode(gradients[group.Site], group.Count)).ToList();
            var before = graph.Readers.Count - found.Sum(rows => rows.shape[0]);
            var rows = before == 0 ? cat([.. found], 0) : cat([zeros([before, found[0].shape[1]], found[0].dtype, found[0].device), .. found], 0);
            if (_sum is null) _sum = rows.DetachFromDisposeScope();
            else _sum.add_(rows);
            _count++;
        }

        public void Dispose() => _sum?.Dispose();

        private bool Reached((HookSite Site, int First, int Count) group) => graph.HasEdge(writer, graph.Readers[group.First]);
    }
}
