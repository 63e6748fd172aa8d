using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Scores the edges between a model's parts and measures the circuit of the strongest.</summary>
internal sealed class CircuitEapCommand : Verb
{
    private const int PruneSteps = 60;

    internal override string Name => "circuit eap";

    internal override string Description =>
        "Scores every edge between input, heads, MLPs and output, and measures how much of the behaviour the strongest keep alone.\n"
        + "Example: prisma circuit eap --model weights/demo/vit --image scene.png --corrupt other.png --edges 0.05 --out circuit";

    internal override void Fill(Command command, Terminal terminal)
    {
        var circuit = new CircuitOptions(command);
        var method = new Option<string>("--method") { HelpName = "eap|eap-ig|eap-ig-activations|both-ends|exact|acdc|prune", DefaultValueFactory = _ => "eap-ig", Description = "How edges are scored; acdc cuts one after another instead, prune learns a mask over all (edge pruning)" };
        var steps = Common.Count(command, "--steps", 5, "Steps of eap-ig; of prune 60 times as many");
        var edges = new Option<double>("--edges") { HelpName = "N|SHARE", DefaultValueFactory = _ => 0.1, Description = "Size of the circuit: a number of edges, or a share below 1" };
        var threshold = new Option<double>("--threshold") { HelpName = "T", DefaultValueFactory = _ => 0.01, Description = "Of acdc: how much a cut may change the answer, in nats of KL" };
        foreach (var option in new Option[] { method, edges, threshold }) command.Options.Add(option);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            var name = parsed.GetValue(method)!;
            EdgeMethod? how = name switch
            {
                "eap" => EdgeMethod.Gradient,
                "eap-ig" => EdgeMethod.Integrated,
                "eap-ig-activations" => EdgeMethod.Activations,
                "both-ends" => EdgeMethod.BothEnds,
                "exact" => EdgeMethod.Exact,
                "acdc" or "prune" => null,
                _ => throw new OptionsException($"--method {name}: expected eap, eap-ig, eap-ig-activations, both-ends, exact, acdc or prune."),
            };
            using var inputs = circuit.Open(parsed, terminal);
            var graph = StreamGraph.Of(inputs.Model, inputs.Clean);
            var size = Size(parsed.GetValue(edges), graph.EdgeCount);
            // Split inputs and per-head results make a pass about three times as long.
            inputs.Spend(3.0 * inputs.Clean.shape[0] * (how switch { EdgeMethod.Exact => graph.EdgeCount, null when name == "prune" => 3.0 * PruneSteps * parsed.GetValue(steps), null => 1.2 * graph.EdgeCount, EdgeMethod.Integrated => 2 + 3 * parsed.GetValue(steps), EdgeMethod.Activations => 2 + 3.0 * parsed.GetValue(steps) * (1 + 2 * graph.Layers), _ => 8 } + 4));
            var learned = name == "prune" ? EdgePruning.Find(inputs.Model, inputs.Clean, inputs.Corrupt, size, inputs.Target, options: new EdgePruningOptions { Steps = PruneSteps * parsed.GetValue(steps), Seed = inputs.Seed }) : null;
            var scores = EdgeAttribution.Score(inputs.Model, inputs.Clean, inputs.Corrupt, inputs.Target, how ?? EdgeMethod.Integrated, parsed.GetValue(steps), options: inputs.Options);
            var found = learned is not null ? learned.Circuit
                : how is null ? Acdc.Find(inputs.Model, inputs.Clean, inputs.Corrupt, parsed.GetValue(threshold), options: inputs.Options).Circuit
                : EdgeCircuit.Greedy(scores, size).Connected();
            var measured = CircuitScore.Of(inputs.Model, inputs.Clean, inputs.Corrupt, found, inputs.Target, inputs.Options);
            Show(inputs, scores, name switch { "acdc" => "; edges chosen by ACDC", "prune" => "; edges chosen by learned masks", _ => "" }, found, measured, terminal);
            return ExitCode.Good;
        });
    }

    private static int Size(double asked, int all) => asked switch
    {
        > 0 and < 1 => Math.Max(1, (int)Math.Round(asked * all)),
        >= 1 => (int)Math.Min(asked, all),
        _ => throw new OptionsException($"--edges {asked}: give a number of edges, or a share between 0 and 1."),
    };

    private static void Show(CircuitInputs inputs, EdgeScores scores, string chosen, EdgeCircuit found, CircuitScore measured, Terminal terminal)
    {
        var kept = found.Edges.ToHashSet();
        var ranked = scores.Ranked().Where(edge => kept.Contains((edge.From, edge.To))).ToList();
        var drawn = CircuitGraph.Of(found, scores);
        inputs.Draw($"Circuit of {inputs.Model.Card.Name}", [$"Target: {scores.Target}; {scores.Method}{chosen}. {measured.Edges} of {measured.AllEdges} edges keep {measured.Faithfulness:p1} of the behaviour; without them {measured.Completeness:p1} is left."],
            [new MatrixPictures.Sheet("edges", "Scores of all edges", $"what corrupting the edge does to {scores.Target}; rows write, columns read", scores.Values, [.. scores.Graph.Writers.Select(node => $"{node}")], [.. scores.Graph.Readers.Select(node => $"{node}")])],
            report => report.Section("The circuit").Drawing(GraphSvg.Draw(drawn), "From the input (below) to the output; orange raises the target when the edge is corrupted, blue lowers it."));
        if (inputs.Out is { } folder)
        {
            GraphMl.Write(Path.Combine(folder, "circuit.graphml"), drawn, inputs.Existing);
            GraphSvg.Write(Path.Combine(folder, "circuit.svg"), drawn, inputs.Existing);
        }
        if (inputs.Json)
            terminal.Json(new
            {
                scores.Target,
                Method = scores.Method + chosen,
                measured.Edges,
                measured.AllEdges,
                measured.Full,
                measured.Empty,
                measured.Kept,
                measured.Faithfulness,
                measured.Completeness,
                circuit = ranked.Select(edge => new { from = $"{edge.From}", to = $"{edge.To}", edge.Score }),
            });
        else
        {
            terminal.Table(["from", "to", "score"], ranked.Take(20).Select(edge => new[] { $"{edge.From}", $"{edge.To}", $"{edge.Score:f4}" }));
            terminal.Line($"{measured.Edges} of {measured.AllEdges} edges keep {measured.Faithfulness:p1} of {scores.Target} ({measured.Kept:f3} of {measured.Full:f3}, {measured.Empty:f3} with none).");
        }
    }
}
