using System.Globalization;
using System.Text;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>What is asked of circuits on the demo's model.</summary>
public sealed record CircuitStudyOptions
{
    /// <summary>Pairs that circuits are found on.</summary>
    public int Finding { get; init; } = 32;

    /// <summary>Other pairs that they are measured on.</summary>
    public int Measuring { get; init; } = 128;

    /// <summary>The shape that is named.</summary>
    public ShapeKind Shape { get; init; } = ShapeKind.Circle;

    /// <summary>The shape that it is told from.</summary>
    public ShapeKind Other { get; init; } = ShapeKind.Square;

    /// <summary>Sizes of circuits, as shares of all edges.</summary>
    public IReadOnlyList<double> Shares { get; init; } = [0.05, 0.1, 0.2, 0.3];

    /// <summary>Whether masks are learned too: minutes for each size.</summary>
    public bool Masks { get; init; }

    /// <summary>Steps of edge pruning, for each size.</summary>
    public int Steps { get; init; } = 500;
}

/// <summary>One circuit of the demo's model.</summary>
/// <param name="Method">How its edges were chosen.</param>
/// <param name="Share">The share of edges that was asked for.</param>
/// <param name="Circuit">Its edges.</param>
/// <param name="Score">What it keeps on pairs that it was not found on.</param>
public sealed record StudiedCircuit(string Method, double Share, EdgeCircuit Circuit, CircuitScore Score);

/// <summary>
/// How small a circuit of the demo's model can be that still tells one shape from another, everything outside it corrupted by the same scene with the other shape: edges
/// ranked by EAP and EAP-IG against learned masks. Found on some pairs, measured on others.
/// </summary>
public static class CircuitStudy
{
    /// <summary>Finds and measures all circuits.</summary>
    public static IReadOnlyList<StudiedCircuit> Run(HookedModel model, CircuitStudyOptions? options = null, Action<string>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        options ??= new CircuitStudyOptions();
        using var finding = CounterfactualPairs.Draw(model, SceneSplit.Choosing, options.Finding, options.Shape, options.Other);
        using var measuring = CounterfactualPairs.Draw(model, SceneSplit.Scoring, options.Measuring, options.Shape, options.Other);
        var target = TargetOf(options, model);
        var graph = StreamGraph.Of(model, finding.Clean);
        var found = new List<(string Method, double Share, EdgeCircuit Circuit)>();
        foreach (var (name, method) in new[] { ("EAP", EdgeMethod.Gradient), ("EAP-IG", EdgeMethod.Integrated), ("EAP-IG on activations", EdgeMethod.Activations) })
        {
            progress?.Invoke($"{name} …");
            var scores = EdgeAttribution.Score(model, finding.Clean, finding.Corrupt, target, method);
            found.AddRange(options.Shares.Select(share => (name, share, EdgeCircuit.Greedy(scores, Size(share, graph)).Connected())));
        }
        foreach (var share in options.Masks ? options.Shares : [])
        {
            progress?.Invoke($"edge pruning to {share:p0} …");
            found.Add(("edge pruning", share, EdgePruning.Find(model, finding.Clean, finding.Corrupt, Size(share, graph), target, options: new EdgePruningOptions { Steps = options.Steps }).Circuit));
        }
        progress?.Invoke("measuring …");
        var measured = CircuitScore.Of(model, measuring.Clean, measuring.Corrupt, [.. found.Select(one => one.Circuit)], target);
        return [.. found.Zip(measured, (one, score) => new StudiedCircuit(one.Method, one.Share, one.Circuit, score))];
    }

    /// <summary>Of the circuits with at most a tenth of the edges the one that keeps most.</summary>
    public static StudiedCircuit Smallest(IReadOnlyList<StudiedCircuit> circuits) =>
        circuits.Where(circuit => circuit.Circuit.Count <= 0.1 * circuit.Score.AllEdges).MaxBy(circuit => circuit.Score.Faithfulness) ?? throw new OptionsException("No circuit has at most a tenth of the edges; ask for such a share.");

    /// <summary>What the circuits are asked: the logit of the one shape minus that of the other.</summary>
    public static Target TargetOf(CircuitStudyOptions options, HookedModel model)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(model);
        return new LogitDifference((int)options.Shape, (int)options.Other, model.Card.Labels);
    }

    /// <summary>The table as a Markdown page.</summary>
    public static string Page(IReadOnlyList<StudiedCircuit> circuits, CircuitStudyOptions options, string command)
    {
        ArgumentNullException.ThrowIfNull(circuits);
        ArgumentNullException.ThrowIfNull(options);
        var page = new StringBuilder($"# How small a circuit tells a {Word(options.Shape)} from a {Word(options.Other)}\n\nMade by `{command}`. ");
        var first = circuits[0].Score;
        page.Append(CultureInfo.InvariantCulture, $"The demo's vision transformer has {first.AllEdges:n0} edges between its input, heads, MLPs and output. Clean are scenes whose marked object is a {Word(options.Shape)}, corrupted the same scenes ")
            .Append(CultureInfo.InvariantCulture, $"with a {Word(options.Other)} in its place; the target is the difference of both logits, {first.Full:f2} on clean and {first.Empty:f2} on corrupted scenes. Circuits were found on {options.Finding} pairs and measured on {options.Measuring} others: ")
            .Append("with every other edge corrupted, how much of the way from the corrupted to the clean target is kept (1: all). Edges on no way from the input to the output are left out.\n\n")
            .Append("| edges chosen by | ").AppendJoin(" | ", options.Shares.Select(share => string.Create(CultureInfo.InvariantCulture, $"{share:p0} of the edges"))).Append(" |\n| --- |").Append(string.Concat(options.Shares.Select(_ => " ---: |"))).Append('\n');
        foreach (var method in circuits.GroupBy(circuit => circuit.Method))
            page.Append("| ").Append(method.Key).Append(" | ").AppendJoin(" | ", method.Select(circuit => string.Create(CultureInfo.InvariantCulture, $"{circuit.Score.Faithfulness:f2} ({circuit.Circuit.Count})"))).Append(" |\n");
        return page.Append("\nIn brackets: the edges that are left.\n").ToString();
    }

    private static int Size(double share, StreamGraph graph) => Math.Max(1, (int)(share * graph.EdgeCount));

    private static string Word(ShapeKind shape) => shape.ToString().ToLowerInvariant();
}
