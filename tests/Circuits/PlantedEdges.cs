using System.Globalization;
using System.Text;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>
/// A task with known edges that gradients of one run alone cannot see: direction 1 → head (0,1) → 2 → head (1,2) → 3 → MLP 1 → 4 → class 0,
/// where the MLP's neuron is saturated in both runs, among small random weights everywhere. docs/planted-edges.md is what this measures.
/// </summary>
public sealed class PlantedEdges
{
    private const int Examples = 8, RandomCircuits = 200;
    private static readonly (string From, string To)[] s_planted = [("input", "a0.h1.v"), ("a0.h1", "a1.h2.v"), ("a1.h2", "m1"), ("m1", "logits")];

    [Fact]
    public void Integrated_gradients_find_the_edges_that_one_gradient_and_chance_miss()
    {
        using var scope = NewDisposeScope();
        using var model = Planted();
        using var clean = Fed(2);
        using var corrupt = Fed(-2);
        var target = new ClassLogit(0);
        var graph = StreamGraph.Of(model, clean);
        var truth = EdgeCircuit.Of(graph, s_planted.Select(edge => (StreamNode.Parse(edge.From, graph.Layers), StreamNode.Parse(edge.To, graph.Layers))));
        (string Name, EdgeMethod Method)[] methods =
            [("EAP", EdgeMethod.Gradient), ("EAP, both ends", EdgeMethod.BothEnds), ("EAP-IG, 5 steps", EdgeMethod.Integrated), ("EAP-IG on activations, 5 steps", EdgeMethod.Activations), ("each edge patched", EdgeMethod.Exact)];
        var scores = methods.Select(method => (method.Name, Scores: EdgeAttribution.Score(model, clean, corrupt, target, method.Method))).ToList();
        var tenth = graph.EdgeCount / 10;
        var random = new Random(1);
        var chance = Enumerable.Range(0, RandomCircuits).Select(_ => Chance(graph, truth.Count, random)).ToList();
        var rows = scores.Select(one =>
        {
            var top = EdgeCircuit.Top(one.Scores, truth.Count);
            var (precision, recall) = top.Against(truth);
            return (one.Name, Precision: precision, Recall: recall, Kept: CircuitScore.Of(model, clean, corrupt, top, target).Faithfulness,
                Tenth: CircuitScore.Of(model, clean, corrupt, EdgeCircuit.Top(one.Scores, tenth), target).Faithfulness);
        }).ToList();
        rows.Add(($"random, mean of {RandomCircuits}", chance.Average(circuit => circuit.Against(truth).Precision), chance.Average(circuit => circuit.Against(truth).Recall),
            CircuitScore.Of(model, clean, corrupt, [.. chance.Take(20)], target).Average(score => score.Faithfulness),
            CircuitScore.Of(model, clean, corrupt, [.. Enumerable.Range(0, 20).Select(_ => Chance(graph, tenth, random))], target).Average(score => score.Faithfulness)));
        foreach (var exact in new[] { "EAP-IG, 5 steps", "each edge patched" })
        {
            var row = rows.Single(one => one.Name == exact);
            Assert.Equal((1, 1), (row.Precision, row.Recall));
            Assert.True(row.Kept >= 0.7 && row.Tenth >= 0.9, $"{exact} keeps {row.Kept} and {row.Tenth}");
        }
        var (gradient, blind) = (rows.Single(one => one.Name == "EAP"), rows[^1]);
        Assert.True(gradient.Recall < 1 && gradient.Kept < 0.5, $"EAP finds {gradient.Recall} and keeps {gradient.Kept}");
        Assert.True(blind.Recall < 0.2 && Math.Abs(blind.Kept) < 0.2, $"chance finds {blind.Recall} and keeps {blind.Kept}");
        GeneratedPage.Check("planted-edges.md", Page(graph, truth.Count, tenth, rows));
    }

    private static string Page(StreamGraph graph, int planted, int tenth, IEnumerable<(string Name, double Precision, double Recall, double Kept, double Tenth)> rows)
    {
        var page = new StringBuilder("# Planted edges found again\n\nMade by the tests. A transformer of two blocks with four heads, written by hand: what class 0 says travels along four edges\n"
            + $"({string.Join(", ", s_planted.Select(edge => $"{edge.From} → {edge.To}"))}) of {graph.EdgeCount}, among small random weights everywhere; the MLP's neuron is saturated in the clean\n"
            + "and in the corrupted run, so that gradients at either end vanish. Precision and recall are of the strongest "
            + string.Create(CultureInfo.InvariantCulture, $"{planted} edges; kept is how much of the behaviour they hold alone\n(1: all of it, everything else corrupted), and the same of the strongest {tenth} edges, {(double)tenth / graph.EdgeCount:P0} of all.\n\n")
            + "| edges scored by | precision | recall | kept by as many edges | kept by a tenth of all edges |\n| --- | ---: | ---: | ---: | ---: |\n");
        foreach (var row in rows) page.Append(CultureInfo.InvariantCulture, $"| {row.Name} | {row.Precision:f2} | {row.Recall:f2} | {Rounded(row.Kept):f2} | {Rounded(row.Tenth):f2} |\n");
        return page.ToString();
    }

    // No "-0.00".
    private static double Rounded(double value) => Math.Round(value, 2) + 0.0;

    private static EdgeCircuit Chance(StreamGraph graph, int count, Random random)
    {
        var all = EdgeCircuit.All(graph).Edges.ToArray();
        random.Shuffle(all);
        return EdgeCircuit.Of(graph, all.Take(count));
    }

    private static Tensor Fed(float value)
    {
        var streams = StreamModel.Streams(Examples, 4, 8, 1);
        using var scope = NewDisposeScope();
        streams.narrow(2, 2, 3).zero_();
        streams.select(2, 1).fill_(value);
        return streams;
    }

    private static StreamModel Planted()
    {
        var model = new StreamModel(layers: 2, heads: 4, width: 8, classes: 2, activation: x => x.clamp(0, 1));
        using var generator = new Generator(7);
        foreach (var (name, weight) in model.Weights)
            if (!name.Contains("ln", StringComparison.Ordinal)) weight.Set(randn([.. weight.Shape], generator: generator) * 0.02);
        model.Copy(0, 1, from: 1, to: 2);
        model.Copy(1, 2, from: 2, to: 3, strength: 2);
        model.Neuron(1, 0, from: 3, to: 4);
        model.Head[0, 4].fill_(1);
        return model;
    }
}
