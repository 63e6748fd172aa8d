using System.CommandLine;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli.Commands;

/// <summary>Encodes activations with a sparse coder.</summary>
internal sealed class SaeEncodeCommand : Verb
{
    internal override string Name => "sae encode";

    internal override string Description =>
        "Encodes the tensor x of a file with a sparse coder and writes features, x_hat and, where it differs, decoded.\n"
        + "Example: prisma sae encode --sae weights/demo/sae --tensors x.safetensors --out y.safetensors";

    internal override void Fill(Command command, Terminal terminal)
    {
        var sae = SaeOptions.Sae(command);
        var tensors = new Option<string>("--tensors") { Required = true, HelpName = "FILE", Description = "A file with a tensor x [..., d_in]" };
        command.Options.Add(tensors);
        var output = Common.Out(command, "Where to write the codes, as safetensors");
        var options = new SaeOptions(command);
        var device = Common.Device(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            _ = Common.CoderDeviceNamed(parsed.GetValue(device)!);
            var card = SaeEncode.Run(Named.CoderPath(parsed.GetValue(sae)!, terminal), parsed.GetValue(tensors)!, parsed.GetValue(output)!, options.Read(parsed), Common.Existing(parsed.GetValue(force)));
            SaeOptions.Describe(card, terminal);
            if (parsed.GetValue(json)) terminal.Json(new { card.Architecture, card.Inputs, card.Features, card.Outputs, card.Origin.Format, card.Origin.HookName, card.Origin.ByFormat });
            terminal.Remark($"Wrote {parsed.GetValue(output)}.");
            return ExitCode.Good;
        });
    }
}
