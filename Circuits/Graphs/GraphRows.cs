using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Fills the rows of an attribution graph, one backward pass for each target: logits first, then features by their influence so far.</summary>
internal sealed class GraphRows(Recording recording, TranscoderLayers coders, GraphSources sources, IReadOnlyList<HookSite> reads, HookSite[] written, AttributionGraphOptions options)
{
    private readonly int _features = sources.Count(GraphNodeKind.Feature);
    private readonly double[]?[] _edges = new double[]?[sources.Nodes.Count];
    private List<Writing>? _writings;

    private List<Writing> Writings => _writings ??= Writes();

    internal AttributionGraph Fill(HookedModel model)
    {
        var nodes = sources.Nodes;
        var done = 0;
        for (var k = 0; k < nodes.Count; k++)
            if (nodes[k].Kind == GraphNodeKind.Logit) Row(k, Demeaned(nodes[k].Index), ref done);
        var left = Enumerable.Range(0, _features).ToHashSet();
        var most = Math.Min(options.MaxFeatures, _features);
        while (_features - left.Count < most)
        {
            IEnumerable<int> next = left;
            if (most < _features)
            {
                var influence = GraphInfluence.Of(_edges, nodes);
                next = left.OrderByDescending(node => influence[node]).ThenBy(node => node).Take(options.RankEvery);
            }
            foreach (var node in next.Take(most - (_features - left.Count)).ToList())
            {
                Row(node, null, ref done);
                left.Remove(node);
            }
        }
        int[] kept = [.. Enumerable.Range(0, nodes.Count).Where(node => !left.Contains(node))];
        var edges = new double[kept.Length, kept.Length];
        for (var t = 0; t < kept.Length; t++)
            for (var s = 0; s < kept.Length; s++) edges[t, s] = _edges[kept[t]]?[kept[s]] ?? 0;
        return new AttributionGraph
        {
            Nodes = [.. kept.Select(node => nodes[node])],
            Edges = edges,
            Layout = sources.Layout,
            Tokens = sources.Tokens,
            Layers = coders.Count,
            Labels = model.Card.Labels,
            Features = coders.Features,
            LeftOut = left.Count,
        };
    }

    // A logit counts against the mean of all: what raises every class alike explains none.
    private Tensor Demeaned(int index)
    {
        var logits = Target.LogitsOf(recording)[0];
        return logits[index] - logits.mean();
    }

    private void Row(int target, Tensor? scalar, ref int done)
    {
        options.Stop.ThrowIfCancellationRequested();
        using var scope = NewDisposeScope();
        var node = sources.Nodes[target];
        var from = scalar ?? recording.Cache[reads[node.Layer]];
        IList<Tensor> seeds = scalar is null ? [Seed(target, from)] : [];
        // A feature of the first blocks does not depend on what later ones write.
        if (!from.requires_grad) return;
        var gradients = autograd.grad([from], [.. written.Select(site => recording.Cache[site])], seeds, retain_graph: true, allow_unused: true);
        using (no_grad()) Read(target, [.. gradients.Select(gradient => gradient?[0])]);
        options.Progress?.Report(++done);
    }

    // The detector at the tokens at which the feature fires.
    private Tensor Seed(int target, Tensor reading)
    {
        var node = sources.Nodes[target];
        var seed = reading.detach().zeros_like();
        using (no_grad())
            foreach (var token in sources.Firing[target].Tokens) seed[0, token].copy_(coders.Detector(node.Layer, node.Index));
        return seed;
    }

    // Gradients by the embedding and by what each block's MLP wrote, [P, d]; null where the target does not depend on it.
    private void Read(int target, IReadOnlyList<Tensor?> gradients)
    {
        var row = _edges[target] = new double[sources.Nodes.Count];
        var layers = Enumerable.Range(0, coders.Count).ToList();
        var errors = layers.Select(layer => gradients[1 + layer] is { } gradient ? Numbers.Of((gradient * sources.Errors[layer]).sum(1L)) : null).ToList();
        var embedding = gradients[0] is { } first ? Numbers.Of((first * sources.Embedding).sum(1L)) : null;
        for (var k = _features; k < sources.Nodes.Count; k++)
        {
            var node = sources.Nodes[k];
            var perToken = node.Kind switch { GraphNodeKind.Error => errors[node.Layer], GraphNodeKind.Embedding => embedding, _ => null };
            if (perToken is not null) row[k] = node.Token >= 0 ? perToken[node.Token] : perToken.Sum(value => (double)value);
        }
        foreach (var writing in Writings)
            if (gradients[1 + writing.To] is { } gradient) Features(row, writing, gradient);
    }

    private void Features(double[] row, Writing writing, Tensor gradient)
    {
        // [P, features]: how much a unit of each feature at each token adds to the target.
        using var units = gradient.matmul(writing.Directions);
        var (values, count) = (Numbers.Of(units), (int)writing.Directions.shape[1]);
        foreach (var (node, column) in writing.Nodes)
        {
            var (tokens, strengths) = sources.Firing[node];
            for (var k = 0; k < tokens.Length; k++) row[node] += strengths[k] * (double)values[tokens[k] * count + column];
        }
    }

    // Every pair of a block whose features write and a block they write to, with the directions [d, features] side by side.
    private List<Writing> Writes()
    {
        var writings = new List<Writing>();
        for (var layer = 0; layer < coders.Count; layer++)
        {
            int[] nodes = [.. Enumerable.Range(0, _features).Where(k => sources.Nodes[k].Layer == layer)];
            int[] features = [.. nodes.Select(node => sources.Nodes[node].Index).Distinct()];
            var column = features.Select((feature, k) => (feature, k)).ToDictionary(pair => pair.feature, pair => pair.k);
            for (var to = layer; to < coders.Count && features.Length > 0; to++)
                if (coders.Direction(layer, to, features[0]) is not null)
                    writings.Add(new Writing(to, [.. nodes.Select(node => (node, column[sources.Nodes[node].Index]))], sources.Own(stack(features.Select(feature => coders.Direction(layer, to, feature)!), 1))));
        }
        return writings;
    }

    private sealed record Writing(int To, (int Node, int Column)[] Nodes, Tensor Directions);
}
