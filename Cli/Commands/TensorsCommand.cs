using System.CommandLine;
using Prisma.Core;

namespace Prisma.Cli.Commands;

/// <summary>Lists or converts the tensors of a file.</summary>
internal sealed class TensorsCommand : Verb
{
    internal override string Name => "tensors";

    internal override string Description =>
        "Lists the tensors of a .safetensors, .pt, .pth, .bin, .npz, .npy or .pkl.gz file, or converts them to safetensors. Pickles are read, never executed.\n"
        + "Example: prisma tensors weights/demo/vit/model.safetensors";

    internal override void Fill(Command command, Terminal terminal)
    {
        var path = new Argument<string>("PATH") { Description = "The file" };
        command.Arguments.Add(path);
        var output = Common.Out(command, "Write all tensors here as safetensors, strides resolved", required: false);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            using var source = TensorSource.Open(parsed.GetValue(path)!);
            var others = (source as TorchPickle)?.Others ?? [];
            if (parsed.GetValue(json))
                terminal.Json(TensorConversion.Describe(source));
            else
            {
                terminal.Table(["tensor", "type", "shape", "bytes"], source.Tensors.Select(tensor =>
                    new[] { tensor.Name, tensor.Type.ToString(), $"[{string.Join(", ", tensor.Shape)}]", tensor.ByteCount.ToString() }));
                foreach (var (name, value) in others) terminal.Line($"{name} = {Short(value.ToJson()?.ToJsonString() ?? "null")}");
                terminal.Line($"{source.Tensors.Count} tensors, {source.Tensors.Sum(tensor => tensor.ByteCount)} bytes, {source.Format}");
            }
            if (parsed.GetValue(output) is { } file)
            {
                var left = TensorConversion.ToSafetensors(source, file, Common.Existing(parsed.GetValue(force)));
                terminal.Remark($"Wrote {source.Tensors.Count} tensors to {file}.{(left.Count > 0 ? $" Too long for its metadata: {string.Join(", ", left.Take(5))}{(left.Count > 5 ? ", …" : "")}." : "")}");
            }
            return ExitCode.Good;
        });
    }

    private static string Short(string text) => text.Length <= 200 ? text : text[..200] + "…";
}
