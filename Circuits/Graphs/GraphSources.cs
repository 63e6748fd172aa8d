using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>The nodes of an attribution graph and what each of them writes. Owns its tensors.</summary>
internal sealed class GraphSources : IDisposable
{
    private readonly List<Tensor> _owned = [];

    private GraphSources(bool sums) => Sums = sums;

    /// <summary>Whether tokens are summed.</summary>
    internal bool Sums { get; }

    internal int Tokens { get; private set; }

    internal required TokenLayout? Layout { get; init; }

    /// <summary>Features, errors, embeddings, logits.</summary>
    internal List<GraphNode> Nodes { get; } = [];

    /// <summary>Tokens and strengths of each feature node.</summary>
    internal List<(int[] Tokens, float[] Strengths)> Firing { get; } = [];

    /// <summary>What no feature explains at each block, [P, d].</summary>
    internal List<Tensor> Errors { get; } = [];

    /// <summary>The stream before the first block, [P, d].</summary>
    internal Tensor Embedding { get; private set; } = null!;

    internal int Count(GraphNodeKind kind) => Nodes.Count(node => node.Kind == kind);

    internal static GraphSources Of(HookedModel model, ModelInput input, Recording recording, TranscoderLayers coders, IReadOnlyList<HookSite> reads, HookSite[] writes, HookSite embedding, AttributionGraphOptions options)
    {
        using var mode = no_grad();
        using var scope = NewDisposeScope();
        var stream = recording.Cache[embedding].detach();
        var tokens = (int)stream.shape[1];
        var sources = new GraphSources(options.SumTokens ?? tokens > 64) { Layout = model.LayoutOf(input), Tokens = tokens };
        sources.Embedding = sources.Own(stream[0].clone());
        sources.AddFeatures(recording, coders, reads, writes);
        for (var layer = 0; layer < coders.Count; layer++)
            foreach (var token in sources.Sums ? [-1] : Enumerable.Range(0, tokens)) sources.Nodes.Add(new GraphNode(GraphNodeKind.Error, layer, token, -1, 0));
        foreach (var token in sources.Sums ? [-1] : Enumerable.Range(0, tokens)) sources.Nodes.Add(new GraphNode(GraphNodeKind.Embedding, -1, token, token, 0));
        sources.AddLogits(Target.LogitsOf(recording), coders.Count, options);
        return sources;
    }

    private void AddFeatures(Recording recording, TranscoderLayers coders, IReadOnlyList<HookSite> reads, HookSite[] writes)
    {
        var written = writes.Select(site => recording.Cache[site].detach()[0].zeros_like()).ToArray();
        for (var layer = 0; layer < coders.Count; layer++)
        {
            var value = recording.Cache[reads[layer]].detach();
            coders.Check(layer, value);
            // What the skip connection carries is followed by gradients: no error.
            if (coders.Skip(layer) is { } skip) written[layer] += value[0].matmul(skip.t());
            using var codes = coders.Encode(layer, value);
            var dense = codes.ToDense();
            var fires = dense.ne(0).any(0L).nonzero().reshape(-1).data<long>().ToArray();
            foreach (var feature in fires.Select(index => (int)index))
            {
                var strengths = Numbers.Of(dense.select(1, feature));
                int[] where = [.. Enumerable.Range(0, strengths.Length).Where(token => strengths[token] != 0)];
                if (Sums) Add(layer, -1, feature, where, [.. where.Select(token => strengths[token])]);
                else foreach (var token in where) Add(layer, token, feature, [token], [strengths[token]]);
            }
            for (var to = layer; to < coders.Count; to++)
            {
                var rows = fires.Select(feature => coders.Direction(layer, to, (int)feature)).ToList();
                if (rows.Count == 0 || rows[0] is null) continue;
                written[to] += dense.index_select(1, tensor(fires)).matmul(stack(rows.Select(row => row!)));
            }
        }
        for (var layer = 0; layer < coders.Count; layer++) Errors.Add(Own(recording.Cache[writes[layer]].detach()[0] - written[layer]));
    }

    private void Add(int layer, int token, int feature, int[] tokens, float[] strengths)
    {
        Nodes.Add(new GraphNode(GraphNodeKind.Feature, layer, token, feature, strengths.Sum(strength => (double)strength)));
        Firing.Add((tokens, strengths));
    }

    // The most probable classes until their probabilities reach the share.
    private void AddLogits(Tensor logits, int layers, AttributionGraphOptions options)
    {
        var probabilities = logits[0].softmax(-1);
        var (values, indices) = probabilities.topk((int)Math.Min(options.MaxLogits, probabilities.shape[0]));
        var (shares, classes) = (Numbers.Of(values), indices.data<long>().ToArray());
        var sum = 0.0;
        for (var k = 0; k < shares.Length; k++)
        {
            Nodes.Add(new GraphNode(GraphNodeKind.Logit, layers, -1, (int)classes[k], shares[k]));
            if ((sum += shares[k]) >= options.LogitShare) return;
        }
    }

    /// <summary>Takes over a tensor that must live as long as the graph is filled.</summary>
    internal Tensor Own(Tensor tensor)
    {
        _owned.Add(tensor.DetachFromDisposeScope());
        return tensor;
    }

    public void Dispose()
    {
        foreach (var tensor in _owned) tensor.Dispose();
    }
}
