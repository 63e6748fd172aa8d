using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>Circuits on a model whose edges were planted by hand: direction 1 → head (0,1) → 2 → head (1,2) → 3 → MLP 1 → 4 → class 0.</summary>
public sealed class EdgeTests
{
    private static readonly (string From, string To)[] s_planted =
        [("input", "a0.h1.v"), ("a0.h1", "a1.h2.v"), ("a1.h2", "m1"), ("m1", "logits")];

    [Theory]
    [InlineData(EdgeMethod.Gradient)]
    [InlineData(EdgeMethod.BothEnds)]
    [InlineData(EdgeMethod.Integrated)]
    [InlineData(EdgeMethod.Activations)]
    [InlineData(EdgeMethod.Exact)]
    public void Planted_edges_are_found_and_no_others(EdgeMethod method)
    {
        using var scope = NewDisposeScope();
        using var model = Planted();
        using var clean = Fed(1);
        using var corrupt = Fed(2);
        var scores = EdgeAttribution.Score(model, clean, corrupt, new ClassLogit(0), method);
        var truth = Truth(scores.Graph);
        var found = EdgeCircuit.Top(scores, truth.Count);
        Assert.Equal((1, 1), found.Against(truth));
        Assert.Equal(truth.Edges, found.Connected().Edges);
        Assert.Equal((1, 1), EdgeCircuit.Greedy(scores, truth.Count).Against(truth));
        Assert.True(found.Count <= 0.1 * scores.Graph.EdgeCount);
        var score = CircuitScore.Of(model, clean, corrupt, found, new ClassLogit(0));
        Assert.Equal(1, score.Faithfulness, 1e-3);
        Assert.Equal(0, score.Completeness, 1e-3);
    }

    [Fact]
    public void On_a_linear_model_every_method_is_patching_each_edge()
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 2, heads: 4, width: 8, classes: 3, keyHeads: 2).Randomised(1);
        foreach (var attention in model.Modules.OfType<Attention>()) attention.Qkv.Matrix.Value.narrow(0, 0, 12).zero_();
        using var clean = StreamModel.Streams(2, 4, 8, 1);
        using var corrupt = StreamModel.Streams(2, 4, 8, 2);
        var exact = EdgeAttribution.Score(model, clean, corrupt, new ClassLogit(1), EdgeMethod.Exact);
        foreach (var method in new[] { EdgeMethod.Gradient, EdgeMethod.BothEnds, EdgeMethod.Integrated, EdgeMethod.Activations })
        {
            var scores = EdgeAttribution.Score(model, clean, corrupt, new ClassLogit(1), method);
            for (var w = 0; w < scores.Graph.Writers.Count; w++)
                for (var r = 0; r < scores.Graph.Readers.Count; r++)
                {
                    Assert.Equal(exact.Values[w, r], scores.Values[w, r], 2e-4);
                    if (!scores.Graph.HasEdge(scores.Graph.Writers[w], scores.Graph.Readers[r])) Assert.Equal(0, scores.Values[w, r]);
                }
        }
    }

    [Fact]
    public void All_edges_are_the_model_and_none_is_the_corrupted_run()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var clean = Tiny.Pictures(2);
        using var corrupt = Tiny.Pictures(2, seed: 5);
        var graph = StreamGraph.Of(model, clean);
        var scores = CircuitScore.Of(model, clean, corrupt, [EdgeCircuit.All(graph), EdgeCircuit.None(graph)], new ClassLogit(1));
        Assert.Equal(model.Run(clean).select(1, 1).mean().item<float>(), scores[0].Full, 1e-4);
        Assert.Equal(model.Run(corrupt).select(1, 1).mean().item<float>(), scores[0].Empty, 1e-4);
        Assert.Equal(1, scores[0].Faithfulness, 1e-4);
        Assert.Equal(0, scores[1].Faithfulness, 1e-4);
        // Greedy circuits of growing size are subsets of each other and end at everything.
        var edges = EdgeAttribution.Score(model, clean, corrupt, new ClassLogit(1));
        Assert.Equal(graph.EdgeCount, EdgeCircuit.Greedy(edges, int.MaxValue).Count);
        Assert.True(EdgeCircuit.Greedy(edges, 5).Edges.ToHashSet().IsSubsetOf(EdgeCircuit.Greedy(edges, 20).Edges));
    }

    [Fact]
    public void Discovery_keeps_the_planted_edges_at_any_number_of_rows()
    {
        using var scope = NewDisposeScope();
        using var model = Planted();
        using var clean = Fed(1);
        using var corrupt = Fed(2);
        foreach (var target in new Target?[] { null, new ClassLogit(0) })
        {
            var one = Acdc.Find(model, clean, corrupt, 1e-4, target, options: new PatchOptions { Rows = 2 });
            var many = Acdc.Find(model, clean, corrupt, 1e-4, target, options: new PatchOptions { Rows = 40 });
            Assert.Equal((1, 1), one.Circuit.Against(Truth(one.Circuit.Graph)));
            Assert.Equal(one.Circuit.Edges, many.Circuit.Edges);
            Assert.Equal(0, one.Loss, 1e-4);
        }
        var graph = StreamGraph.Of(model, clean);
        Assert.Equal(0, Acdc.Find(model, clean, corrupt, double.PositiveInfinity).Circuit.Count);
        Assert.Equal(graph.EdgeCount, Acdc.Find(model, clean, corrupt, double.NegativeInfinity).Circuit.Count);
    }

    [Fact]
    public void Names_read_back_and_wrong_ones_are_refused()
    {
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        var graph = StreamGraph.Of(model, picture);
        foreach (var node in graph.Writers.Concat(graph.Readers)) Assert.Equal(node, StreamNode.Parse(node.ToString(), graph.Layers));
        foreach (var wrong in new[] { "a1", "a1.h0.w", "x2", "m", "" }) Assert.Throws<OptionsException>(() => StreamNode.Parse(wrong, 2));
        Assert.Throws<OptionsException>(() => EdgeCircuit.Of(graph, [(new StreamNode(StreamRole.Mlp, 1), new StreamNode(StreamRole.Mlp, 0))]));
        // Input → 15 readers and the output; each head and MLP to all behind it.
        Assert.Equal(15, graph.Readers.Count);
        Assert.Equal(15 + 2 * (1 + 6 + 1 + 1) + (6 + 1 + 1) + 2 * (1 + 1) + 1, graph.EdgeCount);
    }

    [Fact]
    public void Parallel_branches_have_no_edge_within_a_block_and_scaled_ones_arrive_scaled()
    {
        using var scope = NewDisposeScope();
        using var parallel = new StreamModel(1, 2, 8, 2, parallel: true);
        using var stream = StreamModel.Streams(1, 3, 8, 1);
        var graph = StreamGraph.Of(parallel, stream);
        Assert.False(graph.HasEdge(new StreamNode(StreamRole.Head, 0), new StreamNode(StreamRole.Mlp, 0)));
        // With a layer scale: everything corrupted is the corrupted run, and small steps of an edge are what the scores say.
        using var scaled = new Samples.NanoVitFamily().Tiny();
        using var clean = Tiny.Pictures(1);
        using var corrupt = (clean * 0.99).DetachFromDisposeScope();
        var edges = EdgeAttribution.Score(scaled, clean, corrupt, new ClassLogit(1), EdgeMethod.Gradient);
        var exact = EdgeAttribution.Score(scaled, clean, corrupt, new ClassLogit(1), EdgeMethod.Exact);
        var none = CircuitScore.Of(scaled, clean, corrupt, EdgeCircuit.None(edges.Graph), new ClassLogit(1));
        Assert.Equal(scaled.Run(corrupt)[0, 1].item<float>(), none.Kept, 1e-5);
        var largest = exact.Ranked()[0];
        Assert.Equal(1, edges.Values[edges.Graph.WriterIndex(largest.From), edges.Graph.ReaderIndex(largest.To)] / largest.Score, 0.1);
        Assert.Contains(exact.Ranked().Take(12), edge => edge.From.Role == StreamRole.Head);
    }

    // Nothing of the planted way is in the input itself.
    internal static Tensor Fed(ulong seed)
    {
        var streams = StreamModel.Streams(2, 4, 8, seed);
        using var scope = NewDisposeScope();
        streams.narrow(2, 2, 3).zero_();
        return streams;
    }

    internal static StreamModel Planted()
    {
        var model = new StreamModel(layers: 2, heads: 4, width: 8, classes: 2, activation: x => x.relu());
        model.Copy(0, 1, from: 1, to: 2);
        model.Copy(1, 2, from: 2, to: 3, strength: 2);
        model.Neuron(1, 0, from: 3, to: 4);
        model.Neuron(1, 1, from: 3, to: 4, strength: 0.5);
        // What writes, but is not read, and what reads, but finds nothing.
        model.Copy(0, 3, from: 6, to: 5);
        model.Copy(1, 0, from: 7, to: 6);
        model.Neuron(0, 2, from: 5, to: 6);
        foreach (var mlp in model.Modules.OfType<Mlp>()) mlp.In.Bias!.Value.fill_(5);
        model.Head[0, 4].fill_(1);
        return model;
    }

    internal static EdgeCircuit Truth(StreamGraph graph) =>
        EdgeCircuit.Of(graph, s_planted.Select(edge => (StreamNode.Parse(edge.From, graph.Layers), StreamNode.Parse(edge.To, graph.Layers))));
}
