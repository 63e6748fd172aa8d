using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Runs the clean batch with the edges outside a circuit corrupted: every reader gets its own input plus Σ (donor's u − this run's u) over
/// the writers u whose edge to it is cut. Several circuits share a pass along the batch axis.
/// </summary>
internal sealed class EdgeRun : IDisposable
{
    private readonly Dictionary<HookSite, Tensor> _donors;
    private readonly PatchOptions _options;
    private readonly IReadOnlyDictionary<int, Weight> _scales;

    private EdgeRun(HookedModel model, ModelInput input, StreamGraph graph, PatchPair pair, Dictionary<HookSite, Tensor> donors, PatchOptions options) =>
        (Model, Input, Graph, Pair, _donors, _options, _scales) = (model, input, graph, pair, donors, options, StreamGraph.Scales(model, graph.Part));

    internal HookedModel Model { get; }

    /// <summary>A change of what writers of a place hold as it arrives in the stream: heads are multiplied by the block's layer scale.</summary>
    internal Tensor Arriving(HookSite site, Tensor change) => site.Kind == Site.Result && _scales.TryGetValue(site.Path.Layer, out var scale) ? change * scale.Value : change;

    internal ModelInput Input { get; }

    internal StreamGraph Graph { get; }

    internal PatchPair Pair { get; }

    internal static EdgeRun Record(HookedModel model, ModelInput clean, ModelInput corrupt, StreamGraph graph, Target? target, PatchOptions? options = null)
    {
        options = (options ?? new PatchOptions()) with { SharePrefix = false };
        options.Check();
        HookSite[] writers = [.. graph.WriterGroups().Select(group => group.Site)];
        var pair = PatchPair.Record(model, clean, corrupt, target, writers, options);
        return new EdgeRun(model, clean, graph, pair, writers.ToDictionary(site => site, site => pair.Corrupt.Cache[site]), options);
    }

    /// <summary>The target of every example under each circuit: [circuits][B].</summary>
    internal double[][] Targets(IReadOnlyList<EdgeCircuit> circuits) => Read(circuits, recording => Numbers.Of(Pair.Settled.Of(recording)));

    /// <summary>What is read from passes over the circuits: for each one number per example.</summary>
    /// <param name="circuits">The circuits.</param>
    /// <param name="read">From a pass over copies of the batch to [copies · B] numbers.</param>
    internal double[][] Read(IReadOnlyList<EdgeCircuit> circuits, Func<Recording, float[]> read)
    {
        var results = new List<double[]>();
        var examples = Pair.Settled.Examples;
        foreach (var group in circuits.Chunk(Math.Max(1, _options.Rows / examples)))
        {
            _options.Stop.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var mode = no_grad();
            using var recording = Model.Run(Copies.Of(Input, examples, group.Length), Pair.Settled.Target.Ask(Plan(group.Length, (writer, writers, reader, readers) => Cut(group, writer, writers, reader, readers))));
            var numbers = read(recording);
            for (var k = 0; k < group.Length; k++) results.Add([.. numbers[(k * examples)..((k + 1) * examples)].Select(value => (double)value)]);
            _options.Progress?.Report(results.Count);
        }
        return [.. results];
    }

    public void Dispose() => Pair.Dispose();

    /// <summary>A plan that corrupts edges. To be made in a scope that outlives its passes.</summary>
    /// <param name="copies">How often a pass repeats the batch.</param>
    /// <param name="cut">
    /// From the first writer, the number of writers, the first reader and the number of readers to how far their edges are corrupted, 1 for wholly:
    /// [copies · B or 1, writers, readers]; null where none is.
    /// </param>
    internal HookPlan Plan(int copies, Func<int, int, int, int, Tensor?> cut)
    {
        var scope = CurrentDisposeScope;
        var changes = new List<(int First, int Count, Tensor Change)>();
        var plan = HookPlan.Empty;
        foreach (var (site, first, count) in Graph.WriterGroups())
            plan = plan.Edit(site, (value, _) =>
            {
                var change = Arriving(site, Copies.Of(_donors[site], copies) - value);
                changes.Add((first, count, (count == 1 && change.ndim == 3 ? change.unsqueeze(1) : change.permute(0, 2, 1, 3)).MoveToOtherDisposeScope(scope)));
                return value;
            });
        foreach (var (site, first, count) in Graph.ReaderGroups())
            plan = plan.Edit(site, (value, _) =>
            {
                var sum = value;
                foreach (var writers in changes.ToArray())
                    if (cut(writers.First, writers.Count, first, count) is { } shares)
                    {
                        // [B, w, P, d] and [B, w, r] to [B, P, r, d].
                        var added = einsum("bwpd,bwr->bprd", writers.Change, shares.to(value.dtype, value.device).expand(writers.Change.shape[0], writers.Count, count));
                        sum += value.ndim == 4 ? added : added.squeeze(2);
                    }
                return sum;
            });
        return plan;
    }

    // 1 where the edge is cut, [circuits · B, writers, readers]; null where none is.
    private Tensor? Cut(EdgeCircuit[] circuits, int firstWriter, int writers, int firstReader, int readers)
    {
        var any = false;
        var values = new float[circuits.Length * writers * readers];
        for (var c = 0; c < circuits.Length; c++)
            for (var w = 0; w < writers; w++)
                for (var r = 0; r < readers; r++)
                    if (!circuits[c].Has(firstWriter + w, firstReader + r) && Graph.HasEdge(Graph.Writers[firstWriter + w], Graph.Readers[firstReader + r]))
                        (values[(c * writers + w) * readers + r], any) = (1, true);
        return any ? tensor(values, [circuits.Length, writers, readers]).repeat_interleave(Pair.Settled.Examples, 0) : null;
    }
}
