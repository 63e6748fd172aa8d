using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>The properties by which patching, circuits and graphs are known to be sound, where no other test holds them.</summary>
public sealed class CausalSanity
{
    [Fact]
    public void Where_the_runs_do_not_differ_every_score_is_zero()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(2);
        var target = new ClassLogit(1);
        void Zero(string what, IEnumerable<double> values) => Assert.All(values, value => Assert.True(value == 0, $"{what}: {value}"));
        foreach (var method in new[] { EdgeMethod.Gradient, EdgeMethod.BothEnds, EdgeMethod.Integrated, EdgeMethod.Activations })
            Zero($"edges by {method}", EdgeAttribution.Score(model, pictures, pictures, target, method).Values.Cast<double>());
        Assert.All(EdgeAttribution.Score(model, pictures, pictures, target, EdgeMethod.Exact).Values.Cast<double>(), value => Assert.Equal(0, value, 1e-5));
        SiteKind[] kinds = [Site.Z, Site.MlpOut, Site.ResidPre, Site.Q];
        foreach (var options in new[] { new AtpOptions(), new AtpOptions { FixAttention = true }, new AtpOptions { DropGradients = true } })
        {
            using var estimate = AttributionPatching.Run(model, pictures, pictures, kinds, target, options: options);
            Zero("attribution patching", estimate.Table(Site.Z, PatchAxes.HeadToken).Values.Cast<double>());
        }
        foreach (var change in PathPatching.Run(model, pictures, pictures, [new StreamNode(StreamRole.Output, 2)], target: target).Changes()) Assert.Equal(0, change, 1e-5);
        using var first = FeatureTests.Coder(TokenScope.Patches);
        using var last = DirectTests.Last(TokenScope.All);
        Zero("features of circuits", FeatureCircuits.Find(model, pictures, pictures, [first, last], target).Totals.Values);
        foreach (var change in FeaturePatching.Run(model, pictures, pictures, first, [0, 1, 2], target: target).Changes()) Assert.Equal(0, change, 1e-5);
        Assert.Contains("no behaviour", Assert.Throws<PrismaException>(() => CircuitScore.Of(model, pictures, pictures, EdgeCircuit.All(StreamGraph.Of(model, pictures)), target)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_planted_circuit_is_minimal()
    {
        using var scope = NewDisposeScope();
        using var model = EdgeTests.Planted();
        using var clean = EdgeTests.Fed(1);
        using var corrupt = EdgeTests.Fed(2);
        var truth = EdgeTests.Truth(StreamGraph.Of(model, clean));
        // The edges are one behind the other: without any of them nothing of the behaviour is left.
        var scores = CircuitScore.Of(model, clean, corrupt, [truth, .. truth.Edges.Select(edge => truth.Without(edge.From, edge.To))], new ClassLogit(0));
        Assert.Equal(1, scores[0].Faithfulness, 1e-3);
        Assert.All(scores.Skip(1), score => Assert.Equal(0, score.Faithfulness, 1e-3));
        Assert.All(scores.Skip(1), score => Assert.Equal(truth.Count - 1, score.Edges));
    }

    [Fact]
    public void Edges_and_biases_into_a_node_of_a_vits_graph_sum_to_its_value()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var picture = Tiny.Pictures(1);
        ISparseCoder[] coders = [Biased(0), Biased(1)];
        var graph = AttributionGraphBuilder.Build(model, picture, TranscoderLayers.Of(coders), new AttributionGraphOptions { SumTokens = false, LogitShare = 1 });
        using var run = model.Run(picture, HookPlan.Empty.Keep(point => !point.OnDemand));
        // The linearised replacement with nothing in it but biases: patterns and scales as they were, no embedding, no MLP.
        bool Held(HookPoint point) => !point.OnDemand && (point.Kind == Site.Pattern || point.Kind.Axes[^1] == Axis.One);
        using var bare = model.Run(picture, HookPlan.Empty.Keep(Site.MlpIn[0], Site.MlpIn[1])
            .Edit(Held, (_, site) => run.Cache[site])
            .Edit(Site.ResidPre[0], (value, _) => value.zeros_like())
            .Edit(point => point.Kind == Site.MlpOut, (value, _) => value.zeros_like()));
        var tried = 0;
        for (var k = 0; k < graph.Nodes.Count; k++)
        {
            var node = graph.Nodes[k];
            if (node.Kind is not (GraphNodeKind.Logit or GraphNodeKind.Feature)) continue;
            var incoming = Enumerable.Range(0, graph.Nodes.Count).Sum(source => graph.Edges[k, source]);
            var (want, biases) = node.Kind == GraphNodeKind.Logit
                ? (run.Main[0, node.Index] - run.Main[0].mean(), bare.Main[0, node.Index] - bare.Main[0].mean())
                : (Read(run, node), Read(bare, node));
            Assert.Equal(want.item<float>(), incoming + biases.item<float>(), 1e-3);
            if (node.Kind == GraphNodeKind.Feature) Assert.Equal(node.Value, incoming + biases.item<float>() + (coders[node.Layer] as Coder)!.Weights.EncoderBias[node.Index].item<float>(), 1e-3);
            tried++;
        }
        Assert.True(tried > 20);
        foreach (var coder in coders) coder.Dispose();
        Tensor Read(Recording recording, GraphNode node) => recording.Cache[Site.MlpIn[node.Layer]][0][node.Token].dot(coders[node.Layer].Detectors[node.Index]);
    }

    [Fact]
    public void One_recorded_donor_in_every_place_is_that_donors_run()
    {
        using var scope = NewDisposeScope();
        using var model = Tiny.Vit();
        using var pictures = Tiny.Pictures(4);
        // Two different examples: each resampled from the only other one becomes it, so a whole layer of the stream is the other's answer.
        using var two = pictures.narrow(0, 0, 2).DetachFromDisposeScope();
        var table = SiteAblation.Effects(model, two, new PatchGrid(Site.ResidPre, PatchAxes.Layer) { Layers = [1] }, new ClassLogit(1), AblationKind.Resample, donors: 1);
        var logits = model.Run(two).select(1, 1).data<float>().ToArray();
        Assert.Equal(logits[1], table.After[0][0][0], 1e-5);
        Assert.Equal(logits[0], table.After[0][0][1], 1e-5);
    }

    private static StandardCoder Biased(int layer)
    {
        using var disposing = NewDisposeScope();
        using var generator = new Generator((ulong)(19 + layer));
        return new StandardCoder(
            new CoderCard { Architecture = "standard", Inputs = 16, Features = 12, Outputs = 16, Reads = [Site.MlpIn[layer]], Writes = [Site.MlpOut[layer]] },
            new CoderWeights { Encoder = randn(12, 16, generator: generator), EncoderBias = randn(12, generator: generator) * 0.3, Decoder = randn(12, 16, generator: generator) * 0.3, OutputBias = randn(16, generator: generator) });
    }
}
