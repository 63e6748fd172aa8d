using System.Text.Json;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Demo;
using static TorchSharp.torch;

namespace Prisma.Tests.Demo;

/// <summary>What circuits and lenses find on the demo's trained model.</summary>
public sealed class DemoCircuitTests
{
    [Fact]
    public void Patches_of_the_marked_object_decode_to_its_class()
    {
        using var scope = NewDisposeScope();
        using var model = Models.Load(DemoWeights.Vit);
        var scenes = SceneBatch.Draw(SceneSplit.Scoring, 5000, 40);
        var pixels = tensor(scenes.Pixels, [40, 3, Scene.Width, Scene.Width]);
        using var lens = LogitLens.Read(model, pixels);
        double Auroc(int layer) => Enumerable.Range(0, 40).Average(k =>
        {
            var objects = PatchTruth.Objects(scenes.Owners.AsSpan(k * Scene.Width * Scene.Width, Scene.Width * Scene.Width), Scene.Width, 8);
            var map = lens.Map(layer, k, (int)scenes.Labels[k]);
            var (inside, outside) = (new List<double>(), new List<double>());
            for (var cell = 0; cell < 64; cell++) (objects[cell] == scenes.Scenes[k].MarkedIndex ? inside : outside).Add(map[0, cell / 8, cell % 8]);
            return inside.Count == 0 ? 0.5 : inside.Average(one => outside.Average(other => one > other ? 1.0 : one == other ? 0.5 : 0));
        });
        var best = Enumerable.Range(0, lens.Layers.Count).Select(layer => (Layer: layer, Auroc: Auroc(layer))).ToList();
        Assert.True(best.Skip(lens.Layers.Count / 2).Max(one => one.Auroc) > 0.7, string.Join(", ", best));
        Assert.True(best[0].Auroc < 0.7, $"before the first block: {best[0]}");
    }

    [Fact]
    public void Decoded_layers_name_more_shapes_towards_the_end()
    {
        using var scope = NewDisposeScope();
        using var model = Models.Load(DemoWeights.Vit);
        var scenes = SceneBatch.Draw(SceneSplit.Scoring, 5000, 60);
        using var lens = LogitLens.Read(model, tensor(scenes.Pixels, [60, 3, Scene.Width, Scene.Width]));
        var right = Enumerable.Range(0, lens.Layers.Count).Select(layer => lens.Logits[layer].select(1, 0).argmax(1).data<long>().ToArray().Zip(scenes.Labels).Count(pair => pair.First == pair.Second) / 60.0).ToList();
        Assert.True(right[^1] > 0.9 && right[0] < 0.4, string.Join(", ", right));
        Assert.All(right, share => Assert.True(share <= right[^1], string.Join(", ", right)));
        Assert.True(right.Skip(right.Count / 2).Average() > right.Take(right.Count / 2).Average(), string.Join(", ", right));
    }

    [Fact]
    public void The_circuit_of_the_page_keeps_what_the_page_says()
    {
        using var scope = NewDisposeScope();
        using var model = Models.Load(DemoWeights.Vit);
        var options = new CircuitStudyOptions();
        using var pairs = CounterfactualPairs.Draw(model, SceneSplit.HeldOut, 48, options.Shape, options.Other);
        var graph = StreamGraph.Of(model, pairs.Clean);
        using var json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixture.Root, "docs", "demo-circuit.json")));
        var circuit = EdgeCircuit.Of(graph, json.RootElement.EnumerateArray().Select(edge => (StreamNode.Parse(edge[0].GetString()!, graph.Layers), StreamNode.Parse(edge[1].GetString()!, graph.Layers))));
        Assert.True(circuit.Count <= 0.1 * graph.EdgeCount, $"{circuit.Count} of {graph.EdgeCount} edges");
        var score = CircuitScore.Of(model, pairs.Clean, pairs.Corrupt, circuit, CircuitStudy.TargetOf(options, model));
        Assert.True(score.Faithfulness > 0.9, $"{score}");
        // As many edges drawn at random keep nothing.
        var random = new Random(1);
        var all = EdgeCircuit.All(graph).Edges.ToArray();
        random.Shuffle(all);
        Assert.True(CircuitScore.Of(model, pairs.Clean, pairs.Corrupt, EdgeCircuit.Of(graph, all.Take(circuit.Count)), CircuitStudy.TargetOf(options, model)).Faithfulness < 0.2);
    }
}
