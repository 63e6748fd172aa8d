using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Fills the rows of an attribution graph, one backward pass for each target: logits first, then features by their influence so far.</summary>
internal sealed class GraphRows(Recording recording, TranscoderLayers coders, GraphSources sources, IReadOnlyList<HookSite> reads, HookSite[] written, AttributionGraphOptions options)
{
    private readonly int _features = sources.Count(GraphNodeKind.Feature);
    private readonly double[,] _edges = new double[sources.Nodes.Count, sources.Nodes.Count];

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
            for (var s = 0; s < kept.Length; s++) edges[t, s] = _edges[kept[t], kept[s]];
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
        var layers = Enumerable.Range(0, coders.Count).ToList();
        var errors = layers.Select(layer => gradients[1 + layer] is { } gradient ? Numbers.Of((gradient * sources.Errors[layer]).sum(1L)) : null).ToList();
        var embedding = gradients[0] is { } first ? Numbers.Of((first * sources.Embedding).sum(1L)) : null;
        for (var k = _features; k < sources.Nodes.Count; k++)
        {
            var node = sources.Nodes[k];
            var perToken = node.Kind switch { GraphNodeKind.Error => errors[node.Layer], GraphNodeKind.Embedding => embedding, _ => null };
            if (perToken is not null) _edges[target, k] = node.Token >= 0 ? perToken[node.Token] : perToken.Sum(value => (double)value);
        }
        for (var layer = 0; layer < coders.Count; layer++)
        {
            int[] here = [.. Enumerable.Range(0, _features).Where(k => sources.Nodes[k].Layer == layer)];
            foreach (var to in layers.Where(to => to >= layer && gradients[1 + to] is not null)) Features(target, here, layer, to, gradients[1 + to]!);
        }
    }

    private void Features(int target, int[] nodes, int from, int to, Tensor gradient)
    {
        int[] features = [.. nodes.Select(node => sources.Nodes[node].Index).Distinct()];
        if (features.Length == 0 || coders.Direction(from, to, features[0]) is null) return;
        // [P, features]: how much a unit of each feature at each token adds to the target.
        var units = gradient.matmul(stack(features.Select(feature => coders.Direction(from, to, feature)!)).t());
        var (values, place) = (Numbers.Of(units), features.Select((feature, k) => (feature, k)).ToDictionary(pair => pair.feature, pair => pair.k));
        foreach (var node in nodes)
        {
            var (tokens, strengths) = sources.Firing[node];
            for (var k = 0; k < tokens.Length; k++) _edges[target, node] += strengths[k] * (double)values[tokens[k] * features.Length + place[sources.Nodes[node].Index]];
        }
    }
}
