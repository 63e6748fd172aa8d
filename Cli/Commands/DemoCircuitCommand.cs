using System.CommandLine;
using Prisma.Core;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>The table of circuits of the demo's model.</summary>
internal sealed class DemoCircuitCommand : Verb
{
    internal override string Name => "demo circuit";

    internal override string Description =>
        "Finds how small a circuit of the demo's vision transformer can be that still tells one shape from another: EAP and EAP-IG, with --masks also learned masks, measured on other scenes.\n"
        + "Example: prisma demo circuit --out circuit.md";

    internal override void Fill(Command command, Terminal terminal)
    {
        var defaults = new CircuitStudyOptions();
        var finding = Common.Count(command, "--pairs", defaults.Finding, "Pairs of scenes that circuits are found on");
        var measuring = Common.Count(command, "--scenes", defaults.Measuring, "Other pairs that they are measured on");
        var steps = Common.Count(command, "--steps", defaults.Steps, "Steps of edge pruning for each size");
        var masks = new Option<bool>("--masks") { Description = "Learn masks over all edges too (edge pruning): minutes for each size" };
        command.Options.Add(masks);
        var shapes = new Option<string>("--shapes") { HelpName = "A,B", DefaultValueFactory = _ => "circle,square", Description = "The shape that is named, and the one it is told from" };
        var shares = new Option<double[]>("--share") { HelpName = "S", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [.. defaults.Shares], Description = "Sizes of circuits, as shares of all edges" };
        command.Options.Add(shares);
        var output = new Option<string?>("--out") { HelpName = "FILE", Description = "Write the table as a Markdown page, and beside it the best circuit of at most a tenth of the edges, as JSON" };
        foreach (var option in new Option[] { shapes, output }) command.Options.Add(option);
        var force = Common.Force(command);
        var json = Common.Json(command);
        var threads = Common.Threads(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var existing = Common.Existing(parsed.GetValue(force));
            var file = parsed.GetValue(output);
            if (file is not null) AtomicFile.CheckTarget(file, existing);
            ShapeKind[] named = [.. parsed.GetValue(shapes)!.Split(',').Select(word => Enum.TryParse<ShapeKind>(word.Trim(), ignoreCase: true, out var shape) && Enum.IsDefined(shape)
                ? shape : throw new OptionsException($"--shapes: '{word}' is no shape; there are {string.Join(", ", Enum.GetNames<ShapeKind>()).ToLowerInvariant()}."))];
            if (named.Length != 2) throw new OptionsException("--shapes takes two shapes, such as circle,square.");
            var options = defaults with { Finding = parsed.GetValue(finding), Measuring = parsed.GetValue(measuring), Steps = parsed.GetValue(steps), Masks = parsed.GetValue(masks), Shape = named[0], Other = named[1], Shares = parsed.GetValue(shares)! };
            using var model = Models.Load(DemoWeights.Vit);
            var circuits = CircuitStudy.Run(model, options, terminal.Remark);
            var page = CircuitStudy.Page(circuits, options, $"./prisma demo circuit --shapes {parsed.GetValue(shapes)}{(options.Masks ? " --masks" : "")}");
            if (file is not null)
            {
                AtomicFile.WriteText(file, page, existing);
                AtomicFile.WriteText(Path.ChangeExtension(file, ".json"), System.Text.Json.JsonSerializer.Serialize(CircuitStudy.Smallest(circuits).Circuit.Edges.Select(edge => new[] { $"{edge.From}", $"{edge.To}" })) + "\n", existing);
            }
            if (parsed.GetValue(json))
                terminal.Json(circuits.Select(circuit => new { circuit.Method, circuit.Share, edges = circuit.Circuit.Count, circuit.Score.AllEdges, circuit.Score.Full, circuit.Score.Empty, circuit.Score.Kept, circuit.Score.Faithfulness, circuit.Score.Completeness }));
            else terminal.Line(page);
            return ExitCode.Good;
        });
    }
}
