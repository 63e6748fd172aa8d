using System.CommandLine;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Turns pictures into a model's input.</summary>
internal sealed class PreprocessCommand : Verb
{
    internal override string Name => "preprocess";

    internal override string Description =>
        "Prepares pictures as a checkpoint's own configuration says and writes pixel_values [N, 3, H, W].\n"
        + "Example: prisma preprocess --model weights/demo/vit a.png b.jpg --out p.safetensors";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var images = new Argument<string[]>("IMAGE") { Arity = ArgumentArity.OneOrMore, Description = "Pictures, in the order in which they are written" };
        command.Arguments.Add(images);
        var exif = new Option<bool>("--exif") { Description = "Turn pictures as their EXIF orientation says (the references do not)" };
        command.Options.Add(exif);
        var output = Common.Out(command, "Where to write pixel_values, as safetensors");
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            var folder = Named.Folder(parsed.GetValue(model)!, terminal, ModelNeeds.Settings);
            var preprocess = Preprocess.Load(folder);
            var orientation = parsed.GetValue(exif) ? PictureOrientation.Upright : PictureOrientation.AsStored;
            var prepared = parsed.GetValue(images)!.Select(path => preprocess.Apply(RgbImage.Load(path, orientation))).ToList();
            var pixels = PreparedImage.Stack(prepared);
            Safetensors.Write(parsed.GetValue(output)!, [("pixel_values", pixels)], Provenance.Of(folder), Common.Existing(parsed.GetValue(force)));
            terminal.Remark($"Wrote pixel_values [{string.Join(", ", pixels.shape)}] to {parsed.GetValue(output)}.");
            return ExitCode.Good;
        });
    }
}
