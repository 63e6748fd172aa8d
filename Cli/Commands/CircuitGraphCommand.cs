using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Draws graphs of features: attribution graphs from transcoders, feature circuits from autoencoders.</summary>
internal sealed partial class CircuitGraphCommand : Verb
{
    internal override string Name => "circuit graph";

    internal override string Description =>
        "From transcoders of every block: the attribution graph of a picture, for circuit-tracer's viewer, as GraphML and SVG. From autoencoders, and from transcoders where --corrupt names pictures: the circuit of features that clean and corrupted pictures differ in.\n"
        + "Example: prisma circuit graph --model weights/demo/vit --sae weights/demo/sae --image scene.png --corrupt other.png --out graph";

    internal override void Fill(Command command, Terminal terminal)
    {
        var circuit = new CircuitOptions(command);
        var saes = new Option<string[]>("--sae") { Required = true, HelpName = "FILE|FOLDER", AllowMultipleArgumentsPerToken = true, Description = "Transcoders, one for each block in order or one file with all, or autoencoders and transcoders of different places" };
        var coderOptions = new SaeOptions(command);
        var nodes = new Option<double?>("--nodes") { HelpName = "X", Description = "Attribution graph: the share of influence that nodes carry (0.8); feature circuit: the smallest effect of a node (0.1)" };
        var edges = new Option<double?>("--edges") { HelpName = "X", Description = "Attribution graph: the share that edges carry (0.98); feature circuit: the smallest weight of an edge (0.01)" };
        var most = Common.Count(command, "--max-features", 1024, "The most features of an attribution graph");
        var drive = new Option<string[]>("--drive") { HelpName = "FEATURES=FACTOR", AllowMultipleArgumentsPerToken = true, Description = "Attribution graph: make features so many times as strong and see what the answer does, such as L0/3+L1/17=0; L0/3@5 is one token" };
        var slug = new Option<string>("--slug") { HelpName = "NAME", DefaultValueFactory = _ => "graph", Description = "The graph's name in circuit-tracer's files" };
        foreach (var option in new Option[] { saes, nodes, edges, drive, slug }) command.Options.Add(option);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            using var inputs = circuit.Open(parsed, terminal);
            List<ICoder> coders = [.. parsed.GetValue(saes)!.Select(path => Coders.LoadAny(path, coderOptions.Read(parsed)))];
            try
            {
                return coders is [TranscoderSet or CrossLayerCoder] || (!inputs.Paired && coders.All(coder => coder is ISparseCoder { Card: { Reads: [var reads], Writes: [var writes] } } && reads != writes))
                    ? Attribution(inputs, coders, new AttributionGraphOptions { MaxFeatures = parsed.GetValue(most) }, parsed.GetValue(nodes) ?? 0.8, parsed.GetValue(edges) ?? 0.98, parsed.GetValue(slug)!, [.. (parsed.GetValue(drive) ?? []).Select(Driven)], terminal)
                    : Features(inputs, coders, parsed.GetValue(nodes) ?? 0.1, parsed.GetValue(edges) ?? 0.01, terminal);
            }
            finally
            {
                foreach (var coder in coders) coder.Dispose();
            }
        });
    }

    private static int Attribution(CircuitInputs inputs, List<ICoder> coders, AttributionGraphOptions options, double nodes, double edges, string slug, IReadOnlyList<SupernodeChange> changes, Terminal terminal)
    {
        if (inputs.Clean.shape[0] != 1) throw new OptionsException($"An attribution graph shows one picture; {inputs.Clean.shape[0]} were given.");
        inputs.Spend(3 + 1.5 * options.MaxFeatures);
        var layers = coders[0] switch
        {
            TranscoderSet set => TranscoderLayers.Of(set),
            CrossLayerCoder crossing => TranscoderLayers.Of(crossing),
            _ => TranscoderLayers.Of([.. coders.Cast<ISparseCoder>()]),
        };
        var whole = AttributionGraphBuilder.Build(inputs.Model, inputs.Clean, layers, options);
        if (whole.LeftOut > 0) terminal.Remark($"{whole.LeftOut} active features were left out: --max-features is {options.MaxFeatures}.");
        var pruned = GraphPruning.Prune(whole, nodes, edges);
        var (replacement, completeness) = (GraphInfluence.Replacement(whole), GraphInfluence.Completeness(whole));
        var drawn = pruned.ToGraph($"Attribution graph of {Path.GetFileNameWithoutExtension(inputs.Pictures.Names[0])}");
        if (inputs.Out is { } folder) terminal.Remark($"Wrote {CircuitTracerGraphFile.Write(folder, slug, pruned, inputs.Pictures.Names[0], inputs.Model.Card.Name, nodes, supernodes: [.. changes.Select(change => change.Node)], existing: inputs.Existing)}.");
        var driven = changes.Select(change => (Change: change, Found: GraphIntervention.Run(inputs.Model, inputs.Clean, layers, [change]))).ToList();
        var note = string.Concat(driven.Select(one => $" {one.Change.Node.Name} × {one.Change.Factor:g3}: {Moved(one.Found, inputs.Model)}."));
        Show(inputs, drawn, $"Replacement score {replacement:f3}, completeness {completeness:f3}.{note}", terminal, new
        {
            replacement,
            completeness,
            whole.LeftOut,
            driven = driven.Select(one => new { features = one.Change.Node.Name, one.Change.Factor, one.Found.Before, one.Found.After, active_before = one.Found.Activations[0].Before, active_after = one.Found.Activations[0].After }),
        });
        return ExitCode.Good;
    }

    // The two logits that moved most.
    private static string Moved(SupernodeEffect found, HookedModel model) => string.Join(", ", found.Before.Select((before, k) => (Class: k, Before: before, After: found.After[k]))
        .OrderByDescending(logit => Math.Abs(logit.After - logit.Before)).Take(2).Select(logit => $"{(logit.Class < model.Card.Labels.Count ? model.Card.Labels[logit.Class] : $"class {logit.Class}")} {logit.Before:f2} to {logit.After:f2}"));

    // L0/3+L1/17@5=0.5
    private static SupernodeChange Driven(string text)
    {
        var match = DriveForm().Match(text);
        if (!match.Success) throw new OptionsException($"--drive '{text}': write features and a factor, such as L0/3+L1/17=0, or L0/3@5=2 for one token.");
        var members = match.Groups["features"].Value.Split('+').Select(feature => feature[1..].Split('/', '@').Select(number => int.Parse(number, CultureInfo.InvariantCulture)).ToArray());
        return new SupernodeChange(new Supernode(match.Groups["features"].Value, [.. members.Select(numbers => new LayerFeature(numbers[0], numbers[1], numbers.Length > 2 ? numbers[2] : null))]),
            double.Parse(match.Groups["factor"].Value, CultureInfo.InvariantCulture));
    }

    [GeneratedRegex(@"^(?<features>L\d+/\d+(@\d+)?(\+L\d+/\d+(@\d+)?)*)=(?<factor>-?\d+(\.\d+)?)$")]
    private static partial Regex DriveForm();

    private static int Features(CircuitInputs inputs, List<ICoder> coders, double nodes, double edges, Terminal terminal)
    {
        List<ISparseCoder> sparse = [.. coders.Select(coder => coder as ISparseCoder ?? throw new OptionsException($"{coder.Card.Name} is no coder of one place; give autoencoders of different places, or the transcoders of all blocks."))];
        var options = new FeatureCircuitOptions { NodeThreshold = nodes, EdgeThreshold = edges };
        inputs.Spend(inputs.Clean.shape[0] * (2 + 3.0 * options.Steps * sparse.Count + options.NodesPerPlace * (sparse.Count - 1)));
        var circuit = FeatureCircuits.Find(inputs.Model, inputs.Clean, inputs.Corrupt, sparse, inputs.Target, options);
        Show(inputs, circuit.ToGraph(), $"Target: {circuit.Target}. {string.Join("; ", circuit.Totals.Select(total => $"all of {total.Key}: {total.Value:f3}"))}.", terminal,
            new { totals = circuit.Totals.Select(total => new { place = $"{total.Key}", effect = total.Value }) });
        return ExitCode.Good;
    }

    private static void Show(CircuitInputs inputs, CircuitGraph graph, string note, Terminal terminal, object more)
    {
        inputs.Draw(graph.Title, [note], [], report => report.Section("The graph").Drawing(GraphSvg.Draw(graph), "From the input (below) to the answer. Numbers appear where the pointer rests."));
        if (inputs.Out is { } folder)
        {
            GraphMl.Write(Path.Combine(folder, "graph.graphml"), graph, inputs.Existing);
            GraphSvg.Write(Path.Combine(folder, "graph.svg"), graph, inputs.Existing);
        }
        if (inputs.Json)
            terminal.Json(new { graph.Title, more, nodes = graph.Nodes, links = graph.Links.Select(link => new { source = graph.Nodes[link.Source].Id, target = graph.Nodes[link.Target].Id, link.Weight }) });
        else
        {
            terminal.Line(note);
            terminal.Table(["node", "value"], graph.Nodes.OrderByDescending(node => Math.Abs(node.Value)).Take(15).Select(node => new[] { node.Id, $"{node.Value:f4}" }));
            terminal.Table(["from", "to", "weight"], graph.Links.OrderByDescending(link => Math.Abs(link.Weight)).Take(15).Select(link => new[] { graph.Nodes[link.Source].Id, graph.Nodes[link.Target].Id, $"{link.Weight:f4}" }));
        }
    }
}
