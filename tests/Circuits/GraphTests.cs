using System.Text.Json;
using System.Xml.Linq;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

public sealed class GraphTests
{
    // f0 f1 f2 | e0 | t0 t1 | y0 y1, a worked example.
    private static readonly GraphNode[] s_nodes =
    [
        new(GraphNodeKind.Feature, 0, 0, 0, 1), new(GraphNodeKind.Feature, 0, 1, 1, 1), new(GraphNodeKind.Feature, 1, 0, 2, 1), new(GraphNodeKind.Error, 0, 0, -1, 0),
        new(GraphNodeKind.Embedding, -1, 0, 0, 0), new(GraphNodeKind.Embedding, -1, 1, 1, 0), new(GraphNodeKind.Logit, 2, -1, 0, 0.7), new(GraphNodeKind.Logit, 2, -1, 1, 0.3),
    ];

    [Fact]
    public void Influence_pruning_and_scores_are_the_worked_example()
    {
        var graph = Worked();
        double[] expected = [.395, .45, .35, .245, .323333, .431667, 0, 0];
        var influence = GraphInfluence.Of(graph.Edges, graph.Nodes);
        for (var k = 0; k < expected.Length; k++) Assert.Equal(expected[k], influence[k], 1e-5);
        Assert.Equal(0.755, GraphInfluence.Replacement(graph), 1e-5);
        Assert.Equal(0.923318, GraphInfluence.Completeness(graph), 1e-5);
        var pruned = GraphPruning.Prune(graph, 0.8, 0.98);
        Assert.False(pruned.IsShown(3));
        double[] cumulated = [.581625, .205011, .741078, 1, .888383, .401670];
        for (var k = 0; k < cumulated.Length; k++) Assert.Equal(cumulated[k], pruned.Influence![k], 1e-5);
        Assert.Equal(10, pruned.Edges.Cast<double>().Count(edge => edge != 0));
        var scores = GraphPruning.Scores(pruned.Edges, pruned.Nodes);
        foreach (var (target, source, score) in new[] { (0, 4, .364444), (0, 5, .182222), (1, 0, .196667), (1, 5, .393333), (2, 0, .116667), (2, 1, .35), (6, 0, .233333), (6, 2, .466667), (7, 1, .24), (7, 4, .06) })
            Assert.Equal(score, scores[target, source], 1e-5);
        var fewer = GraphPruning.Prune(graph, 0.8, 0.90);
        Assert.Equal(8, fewer.Edges.Cast<double>().Count(edge => edge != 0));
        Assert.Equal((0, 0), (fewer.Edges[2, 0], fewer.Edges[7, 4]));
        Assert.Throws<OptionsException>(() => GraphPruning.Prune(graph, 0));
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public void Edges_into_a_node_sum_to_its_value(bool sums, bool skips)
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 2, heads: 2, width: 8, classes: 3, activation: x => x.relu()).Randomised(5);
        WithoutBiases(model);
        using var stream = StreamModel.Streams(1, 4, 8, 1);
        using var first = Transcoder(0, skips: skips);
        using var second = Transcoder(1, skips: skips);
        ISparseCoder[] coders = [first, second];
        var graph = AttributionGraphBuilder.Build(model, stream, TranscoderLayers.Of(coders), new AttributionGraphOptions { SumTokens = sums, LogitShare = 1, RankEvery = 3 });
        using var run = model.Run(stream, HookPlan.Empty.Keep(Site.MlpIn[0], Site.MlpIn[1]));
        Assert.Equal(3, graph.Nodes.Count(node => node.Kind == GraphNodeKind.Logit));
        Assert.Contains(graph.Nodes, node => node.Kind == GraphNodeKind.Feature && node.Layer == 1);
        Assert.Equal(sums ? 1 : 4, graph.Nodes.Count(node => node.Kind == GraphNodeKind.Embedding));
        for (var k = 0; k < graph.Nodes.Count; k++)
        {
            var node = graph.Nodes[k];
            var incoming = Enumerable.Range(0, graph.Nodes.Count).Sum(source => graph.Edges[k, source]);
            if (node.Kind == GraphNodeKind.Logit) Assert.Equal((run.Main[0, node.Index] - run.Main[0].mean()).item<float>(), incoming, 1e-3);
            if (node.Kind != GraphNodeKind.Feature) continue;
            var reads = run.Cache[Site.MlpIn[node.Layer]][0].matmul(coders[node.Layer].Detectors[node.Index]);
            // No bias in the encoder: an active feature is its product with the detector.
            Assert.Equal(sums ? reads.relu().sum().item<float>() : reads[node.Token].item<float>(), incoming, 1e-3);
            Assert.Equal(node.Value, incoming, 1e-3);
        }
        // Nothing from later blocks or from the own block.
        for (var t = 0; t < graph.Nodes.Count; t++)
            for (var s = 0; s < graph.Nodes.Count; s++)
                if (graph.Nodes[t].Kind == GraphNodeKind.Feature && graph.Nodes[s].Layer >= graph.Nodes[t].Layer) Assert.Equal(0, graph.Edges[t, s]);
        Assert.InRange(GraphInfluence.Replacement(graph), 0, 1);
        var small = AttributionGraphBuilder.Build(model, stream, TranscoderLayers.Of(coders), new AttributionGraphOptions { SumTokens = sums, MaxFeatures = 3, RankEvery = 2 });
        Assert.Equal(3, small.Nodes.Count(node => node.Kind == GraphNodeKind.Feature));
        Assert.True(small.LeftOut > 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Driving_a_feature_moves_the_answer_by_its_edge_and_leaving_it_moves_nothing(bool skips)
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 2, heads: 2, width: 8, classes: 3, activation: x => x.relu()).Randomised(5);
        WithoutBiases(model);
        using var stream = StreamModel.Streams(1, 4, 8, 1);
        using var first = Transcoder(0, skips: skips);
        using var second = Transcoder(1, skips: skips);
        var coders = TranscoderLayers.Of([first, second]);
        var graph = AttributionGraphBuilder.Build(model, stream, coders, new AttributionGraphOptions { SumTokens = false, LogitShare = 1 });
        double Demeaned(IReadOnlyList<float> logits, int index) => logits[index] - logits.Average();
        var tried = 0;
        for (var source = 0; source < graph.Nodes.Count; source++)
        {
            if (graph.Nodes[source] is not { Kind: GraphNodeKind.Feature } node) continue;
            var supernode = new Supernode("one", [new LayerFeature(node.Layer, node.Index, node.Token)]);
            foreach (var factor in new[] { 0.0, 3, -1 })
            {
                var driven = GraphIntervention.Run(model, stream, coders, [new SupernodeChange(supernode, factor)], hold: InterventionHold.AllButDirect);
                for (var target = 0; target < graph.Nodes.Count; target++)
                    if (graph.Nodes[target] is { Kind: GraphNodeKind.Logit, Index: var index })
                        Assert.Equal((factor - 1) * graph.Edges[target, source], Demeaned(driven.After, index) - Demeaned(driven.Before, index), 1e-3);
                tried++;
            }
        }
        Assert.True(tried > 30);
        var all = new Supernode("all", [.. graph.Nodes.Where(node => node.Kind == GraphNodeKind.Feature).Select(node => new LayerFeature(node.Layer, node.Index)).Distinct()]);
        foreach (var hold in Enum.GetValues<InterventionHold>())
        {
            var left = GraphIntervention.Run(model, stream, coders, [new SupernodeChange(all, 1)], hold: hold);
            for (var k = 0; k < 3; k++) Assert.Equal(left.Before[k], left.After[k], 1e-5);
            Assert.Equal(left.Activations[0].Before, left.Activations[0].After, 1e-4);
        }
        // Free behind: switching off the first block's features changes what the second's read.
        var early = new Supernode("early", [.. all.Members.Where(member => member.Layer == 0)]);
        var late = new Supernode("late", [.. all.Members.Where(member => member.Layer == 1)]);
        var off = GraphIntervention.Run(model, stream, coders, [new SupernodeChange(early, 0)], [early, late], InterventionHold.Nothing);
        Assert.NotEqual(off.Activations[1].Before, off.Activations[1].After, 1e-3);
        Assert.Throws<OptionsException>(() => GraphIntervention.Run(model, stream, coders, [new SupernodeChange(new Supernode("none", [new LayerFeature(2, 0)]), 0)]));
    }

    [Fact]
    public void A_cross_layer_transcoders_features_write_to_later_blocks_too()
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 2, heads: 2, width: 8, classes: 3, activation: x => x.relu()).Randomised(5);
        WithoutBiases(model);
        using var stream = StreamModel.Streams(1, 4, 8, 1);
        var layers = new[] { Transcoder(0), Transcoder(1) };
        using var generator = new Generator(3);
        using var crossing = new CrossLayerCoder(layers[0].Card with { Reads = [Site.MlpIn[0], Site.MlpIn[1]] }, layers, [[randn(12, 8, generator: generator) * 0.3], []]);
        var graph = AttributionGraphBuilder.Build(model, stream, TranscoderLayers.Of(crossing), new AttributionGraphOptions { LogitShare = 1 });
        using var run = model.Run(stream);
        for (var k = 0; k < graph.Nodes.Count; k++)
            if (graph.Nodes[k] is { Kind: GraphNodeKind.Logit, Index: var index })
                Assert.Equal((run[0, index] - run[0].mean()).item<float>(), Enumerable.Range(0, graph.Nodes.Count).Sum(source => graph.Edges[k, source]), 1e-3);
    }

    [Fact]
    public void Files_hold_the_graph()
    {
        using var folder = new TempFolder();
        var graph = GraphPruning.Prune(Worked());
        var file = CircuitTracerGraphFile.Write(folder.Path, "one", graph, "a picture", "tiny");
        CircuitTracerGraphFile.Write(folder.Path, "two", graph, "a picture", "tiny", supernodes: [new Supernode("pair", [new LayerFeature(0, 0), new LayerFeature(0, 1, 1), new LayerFeature(1, 9)])]);
        using (var grouped = JsonDocument.Parse(File.ReadAllText(folder["two.json"])))
            Assert.Equal("[[\"pair\",\"0_0_0\",\"0_1_1\"]]", JsonSerializer.Serialize(grouped.RootElement.GetProperty("qParams").GetProperty("supernodes")));
        CircuitTracerGraphFile.Write(folder.Path, "one", graph, "another", "tiny", existing: ExistingFile.Replace);
        using var json = JsonDocument.Parse(File.ReadAllText(file));
        var nodes = json.RootElement.GetProperty("nodes").EnumerateArray().ToList();
        Assert.Equal(["0_0_0", "0_1_1", "1_2_0", "E_0_0", "E_1_1", "3_0_1", "3_1_1"], nodes.Select(node => node.GetProperty("node_id").GetString()));
        Assert.Equal(nodes.Count, nodes.Select(node => node.GetProperty("uid").GetString()).Distinct().Count());
        Assert.Single(nodes, node => node.GetProperty("is_target_logit").GetBoolean());
        Assert.Equal(10, json.RootElement.GetProperty("links").GetArrayLength());
        var ids = nodes.Select(node => node.GetProperty("node_id").GetString()).ToHashSet();
        Assert.All(json.RootElement.GetProperty("links").EnumerateArray(), link => Assert.True(ids.Contains(link.GetProperty("source").GetString()) && ids.Contains(link.GetProperty("target").GetString())));
        using var index = JsonDocument.Parse(File.ReadAllText(folder["graph-metadata.json"]));
        Assert.Equal(["another", "a picture"], index.RootElement.GetProperty("graphs").EnumerateArray().OrderBy(entry => entry.GetProperty("slug").GetString()).Select(entry => entry.GetProperty("prompt").GetString()));
        var drawn = graph.ToGraph("drawn <here>");
        XNamespace space = "http://graphml.graphdrawing.org/xmlns";
        var xml = XDocument.Parse(GraphMl.Text(drawn));
        Assert.Equal((7, 10), (xml.Descendants(space + "node").Count(), xml.Descendants(space + "edge").Count()));
        var svg = XDocument.Parse(GraphSvg.Draw(drawn));
        Assert.Equal(10, svg.Descendants("{http://www.w3.org/2000/svg}path").Count());
        Assert.Throws<OptionsException>(() => CircuitTracerGraphFile.Write(folder.Path, "../x", graph, "", ""));
    }

    [Fact]
    public void Effects_of_the_nodes_of_a_place_sum_to_corrupting_it()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var clean = Tiny.Pictures(2);
        using var corrupt = Tiny.Pictures(2, seed: 5);
        using var first = FeatureTests.Coder(TokenScope.Patches);
        using var last = DirectTests.Last(TokenScope.All);
        var circuit = FeatureCircuits.Find(model, clean, corrupt, [last, first], new ClassLogit(1), new FeatureCircuitOptions { NodeThreshold = 0.01, EdgeThreshold = 0, Steps = 40 });
        Assert.Equal([Site.ResidPost[0], Site.ResidPost[1]], circuit.Totals.Keys);
        foreach (var (site, total) in circuit.Totals)
        {
            var patched = ActivationPatching.Run(model, clean, corrupt, new PatchGrid(site.Kind, PatchAxes.Layer) { Layers = [site.Path.Layer] }, new ClassLogit(1), PatchDirection.Noise).Change(0, 0);
            Assert.True(Math.Abs(total - patched) <= 0.05 * Math.Abs(patched) + 1e-3, $"{site}: nodes sum to {total}, patching gives {patched}");
        }
        Assert.NotEmpty(circuit.Edges);
        Assert.All(circuit.Edges, edge => Assert.Equal((0, 1), (edge.From.Site.Path.Layer, edge.To.Site.Path.Layer)));
        var drawn = circuit.ToGraph();
        Assert.Equal((circuit.Nodes.Count, circuit.Edges.Count), (drawn.Nodes.Count, drawn.Links.Count));
    }

    [Fact]
    public void On_a_linear_stretch_edges_carry_what_their_nodes_do()
    {
        using var scope = NewDisposeScope();
        using var model = new StreamModel(layers: 2, heads: 2, width: 8, classes: 3).Randomised(1);
        foreach (var attention in model.Modules.OfType<Attention>()) attention.Qkv.Matrix.Value.narrow(0, 0, 16).zero_();
        using var clean = StreamModel.Streams(2, 4, 8, 1);
        using var corrupt = StreamModel.Streams(2, 4, 8, 2);
        using var early = Stream(0);
        using var late = Stream(1);
        var options = new FeatureCircuitOptions { NodeThreshold = 0, EdgeThreshold = 0, NodesPerPlace = 100, Steps = 1 };
        var circuit = FeatureCircuits.Find(model, clean, corrupt, [early, late], new ClassLogit(1), options);
        // All that leaves the first place passes the second, and the slopes are constant: edges out of a node sum to its effect.
        foreach (var node in circuit.Nodes.Where(node => node.Site.Path.Layer == 0))
            Assert.Equal(node.Effect, circuit.Edges.Where(edge => edge.From == node).Sum(edge => edge.Weight), 2e-3);
        var all = FeatureCircuits.Keeping(model, clean, corrupt, [early, late], circuit.Nodes, new ClassLogit(1));
        var none = FeatureCircuits.Keeping(model, clean, corrupt, [early, late], [], new ClassLogit(1));
        Assert.Equal(model.Run(corrupt).select(1, 1).mean().item<float>(), none, 1e-3);
        Assert.NotEqual(all, none, 1e-3);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Transcoders_stand_in_feature_circuits_with_their_skip_connections(bool skips)
    {
        using var scope = NewDisposeScope();
        // Everything is linear, so what an early node does is what goes past the last MLP and what goes through it.
        StreamModel Linear()
        {
            var model = new StreamModel(layers: 2, heads: 2, width: 8, classes: 3).Randomised(1);
            foreach (var attention in model.Modules.OfType<Attention>()) attention.Qkv.Matrix.Value.narrow(0, 0, 16).zero_();
            return model;
        }
        using var model = Linear();
        using var silenced = Linear();
        silenced.InBlocks<Mlp>()[1].Module.Out.Matrix.Value.zero_();
        using var clean = StreamModel.Streams(2, 4, 8, 1);
        using var corrupt = StreamModel.Streams(2, 4, 8, 2);
        using var early = Stream(0);
        using var late = Transcoder(1, skips: skips);
        var options = new FeatureCircuitOptions { NodeThreshold = 0, EdgeThreshold = 0, NodesPerPlace = 100, Steps = 1 };
        var circuit = FeatureCircuits.Find(model, clean, corrupt, [early, late], new ClassLogit(1), options);
        var past = FeatureCircuits.Find(silenced, clean, corrupt, [early], new ClassLogit(1), options).Nodes.ToDictionary(node => node.Feature, node => node.Effect);
        Assert.Equal([Site.ResidPost[0], Site.MlpOut[1]], circuit.Totals.Keys);
        Assert.Equal(skips ? 1 : 0, circuit.Nodes.Count(node => node.IsSkip));
        foreach (var node in circuit.Nodes.Where(node => node.Site == Site.ResidPost[0]))
            Assert.Equal(node.Effect - past[node.Feature], circuit.Edges.Where(edge => edge.From == node).Sum(edge => edge.Weight), 2e-3);
        // The nodes of the MLP together are all that it writes.
        var patched = ActivationPatching.Run(model, clean, corrupt, new PatchGrid(Site.MlpOut, PatchAxes.Layer) { Layers = [1] }, new ClassLogit(1), PatchDirection.Noise);
        Assert.Equal(patched.Change(0, 0), circuit.Totals[Site.MlpOut[1]], 1e-3);
        var own = circuit.Nodes.Where(node => node.Site == Site.MlpOut[1]).ToList();
        double Keeping(Func<FeatureNode, bool> which) => FeatureCircuits.Keeping(model, clean, corrupt, [late], [.. own.Where(which)], new ClassLogit(1));
        var plain = model.Run(clean).select(1, 1).mean().item<float>();
        Assert.Equal(plain, Keeping(_ => true), 1e-4);
        Assert.Equal(plain + patched.Change(0, 0), Keeping(_ => false), 1e-3);
        // With everything behind it linear, losing one node costs what the node does.
        foreach (var lost in own.Where(node => node.Feature < 0 || node == own[0])) Assert.Equal(lost.Effect, Keeping(node => node != lost) - plain, 1e-3);
        Assert.Contains("write", Assert.Throws<OptionsException>(() => FeatureCircuits.Find(model, clean, corrupt, [late, late], new ClassLogit(1), options)).Message, StringComparison.Ordinal);
    }

    // What biases add is no edge; without them edges are all there is.
    private static void WithoutBiases(StreamModel model)
    {
        foreach (var (name, weight) in model.Weights)
            if (name.EndsWith("bias", StringComparison.Ordinal)) weight.Value.zero_();
    }

    private static AttributionGraph Worked()
    {
        var edges = new double[8, 8];
        foreach (var (target, source, weight) in new[] { (0, 4, 2.0), (0, 5, -1), (1, 5, 1), (1, 0, 0.5), (2, 0, 1), (2, 1, -3), (2, 3, 1), (6, 2, 2), (6, 0, 1), (6, 3, 1), (7, 1, 1), (7, 4, 0.25) })
            edges[target, source] = weight;
        return new AttributionGraph { Nodes = s_nodes, Edges = edges, Tokens = 2, Layers = 2, Features = 8, Labels = ["yes", "no"] };
    }

    internal static StandardCoder Transcoder(int layer, int width = 8, bool skips = false)
    {
        using var disposing = NewDisposeScope();
        using var generator = new Generator((ulong)(9 + layer));
        return new StandardCoder(
            new CoderCard { Architecture = "standard", Inputs = width, Features = 12, Outputs = width, Reads = [Site.MlpIn[layer]], Writes = [Site.MlpOut[layer]] },
            new CoderWeights { Encoder = randn(12, width, generator: generator), EncoderBias = zeros(12), Decoder = randn(12, width, generator: generator) * 0.3, OutputBias = zeros(width), Skip = skips ? randn(width, width, generator: generator) * 0.3 : null });
    }

    private static StandardCoder Stream(int layer)
    {
        using var disposing = NewDisposeScope();
        using var generator = new Generator((ulong)(19 + layer));
        return new StandardCoder(
            new CoderCard { Architecture = "standard", Inputs = 8, Features = 12, Outputs = 8, Reads = [Site.ResidPost[layer]], Writes = [Site.ResidPost[layer]] },
            new CoderWeights { Encoder = randn(12, 8, generator: generator), EncoderBias = zeros(12), Decoder = randn(12, 8, generator: generator) * 0.3, OutputBias = zeros(8) });
    }
}
