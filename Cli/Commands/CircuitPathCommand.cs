using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Shows which parts of a model act on receivers along direct paths.</summary>
internal sealed class CircuitPathCommand : Verb
{
    internal override string Name => "circuit path";

    internal override string Description =>
        "Path patching: every head and MLP is corrupted in turn, the other heads held, and only what the receivers read of it is let through.\n"
        + "Example: prisma circuit path --model weights/demo/vit --image scene.png --corrupt other.png --to logits --out paths";

    internal override void Fill(Command command, Terminal terminal)
    {
        var circuit = new CircuitOptions(command);
        var to = new Option<string[]>("--to") { HelpName = "NODE", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => ["logits"], Description = "Receivers: a3.h1.q, a3.h1.k, a3.h1.v, m2, logits" };
        var freeze = new Option<bool>("--freeze-mlps") { Description = "Hold MLPs too, so that they are no part of a path" };
        foreach (var option in new Option[] { to, freeze }) command.Options.Add(option);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            using var inputs = circuit.Open(parsed, terminal);
            var graph = StreamGraph.Of(inputs.Model, inputs.Clean);
            List<StreamNode> receivers = [.. parsed.GetValue(to)!.Select(name => StreamNode.Parse(name, graph.Layers))];
            foreach (var receiver in receivers) _ = graph.ReaderIndex(receiver);
            inputs.Spend(inputs.Clean.shape[0] * (2 + 2.0 * graph.Writers.Count));
            var table = PathPatching.Run(inputs.Model, inputs.Clean, inputs.Corrupt, receivers, target: inputs.Target, freezeMlps: parsed.GetValue(freeze), options: inputs.Options);
            return CircuitPatchCommand.Show(inputs, table, terminal);
        });
    }
}
