using System.CommandLine;
using Prisma.Core;

namespace Prisma.Cli.Commands;

/// <summary>Compares a checkpoint with reference tensors.</summary>
internal sealed class VerifyCommand : Verb
{
    internal override string Name => "verify";

    internal override string Description =>
        "Runs a checkpoint on the inputs of a reference file and compares every place; names the first divergence.\n"
        + "Example: prisma verify tests/fixtures/models/hf_vit --against tests/fixtures/models/hf_vit/expected.safetensors";

    internal override void Fill(Command command, Terminal terminal)
    {
        var folder = new Argument<string>("DIR") { Description = "The checkpoint folder" };
        command.Arguments.Add(folder);
        var against = new Option<string>("--against") { Required = true, HelpName = "FILE", Description = "Inputs and expected values, as safetensors" };
        var atol = new Option<double>("--atol") { DefaultValueFactory = _ => 1e-5, Description = "Allowed absolute error" };
        var rtol = new Option<double>("--rtol") { DefaultValueFactory = _ => 1e-5, Description = "Allowed relative error" };
        command.Options.Add(against);
        command.Options.Add(atol);
        command.Options.Add(rtol);
        var family = Common.Family(command);
        var device = Common.Device(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            using var model = Models.Load(Named.Folder(parsed.GetValue(folder)!, terminal), parsed.GetValue(family));
            model.To(Common.DeviceNamed(parsed.GetValue(device)!));
            using var expected = TensorSource.Open(parsed.GetValue(against)!);
            var rows = Verification.Compare(model, expected, parsed.GetValue(atol), parsed.GetValue(rtol));
            var compared = rows.Where(row => row.Place is not null).ToList();
            var first = compared.FirstOrDefault(row => !row.Passed);
            if (parsed.GetValue(json))
                terminal.Json(new { passed = first is null && compared.Count > 0, first_divergence = first?.Key, rows });
            else
            {
                terminal.Table(["reference", "place", "max error", "result"], rows.Select(row =>
                    new[] { row.Key, row.Place ?? "-", row.Place is null ? "-" : row.MaxError.ToString("g3"), row.Place is null ? row.Note : row.Passed ? "ok" : row.Note }));
                terminal.Line(first is null ? $"{compared.Count} tensors agree." : $"First divergence: {first.Key} at {first.Place}, max error {first.MaxError:g3}.");
            }
            if (compared.Count == 0) throw new CheckpointException($"Nothing in '{parsed.GetValue(against)}' could be compared with this model.");
            return first is null ? ExitCode.Good : ExitCode.BadInput;
        });
    }
}
