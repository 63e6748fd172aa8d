using System.CommandLine;
using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Turns pictures into a model's input.</summary>
internal sealed class PreprocessCommand : Verb
{
    internal override string Name => "preprocess";

    internal override string Description =>
        "Prepares pictures as a checkpoint's own configuration says and writes pixel_values [N, 3, H, W] (with SigLIP 2 of variable resolution patches, their mask and spatial_shapes); of videos, and with --frames, clips [N, T, 3, H, W].\n"
        + "Example: prisma preprocess --model weights/demo/vit a.png b.jpg --out p.safetensors";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var images = new Argument<string[]>("IMAGE") { Arity = ArgumentArity.OneOrMore, Description = "Pictures or videos, in the order in which they are written" };
        command.Arguments.Add(images);
        var clips = new ClipOptions(command);
        var exif = new Option<bool>("--exif") { Description = "Turn pictures as their EXIF orientation says (the references do not)" };
        command.Options.Add(exif);
        var output = Common.Out(command, "Where to write pixel_values, as safetensors");
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            using var scope = NewDisposeScope();
            var folder = Named.Folder(parsed.GetValue(model)!, terminal, ModelNeeds.Settings);
            var preprocess = Preprocess.Load(folder);
            var named = parsed.GetValue(images)!;
            // A folder of pictures is a clip where the model reads clips.
            var frames = preprocess.ClipFrames ?? ClipFrames(folder);
            var input = named.Any(FrameSource.IsMoving) || clips.Frames(parsed) is not null || (frames > 1 && named.Any(Directory.Exists))
                ? Clips(named, preprocess, clips.Read(parsed, frames))
                : Pictures(named, preprocess, parsed.GetValue(exif) ? PictureOrientation.Upright : PictureOrientation.AsStored);
            Safetensors.Write(parsed.GetValue(output)!, [.. input.Select(pair => (pair.Key, pair.Value))], Provenance.Of(folder), Common.Existing(parsed.GetValue(force)));
            terminal.Remark($"Wrote {string.Join(", ", input.Select(pair => $"{pair.Key} [{string.Join(", ", pair.Value.shape)}]"))} to {parsed.GetValue(output)}.");
            return ExitCode.Good;
        });
    }

    private static ModelInput Pictures(string[] named, Preprocess preprocess, PictureOrientation orientation)
    {
        var prepared = named.Select(path => preprocess.Apply(RgbImage.Load(path, orientation))).ToList();
        return preprocess.Resize is { Mode: ResizeMode.PatchBudget } budget
            ? PreparedImage.Patches(prepared, budget.Height, budget.MostPatches)
            : new ModelInput { ["pixel_values"] = PreparedImage.Stack(prepared) };
    }

    private static ModelInput Clips(string[] named, Preprocess preprocess, FrameSampling sampling)
    {
        var files = FrameSource.Find(named);
        var clips = files.Select(file => Clip.Load(file, sampling, preprocess).ToTensor(ClipOrder.FramesFirst)).ToList();
        return new ModelInput { [preprocess.IsForVideos ? "pixel_values_videos" : "pixel_values"] = cat(clips, 0) };
    }

    // Only the configuration is read: preparing needs no weights. VideoMAE V2 keeps its sizes one level down.
    private static int ClipFrames(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "config.json"))) return 1;
        var config = ModelFolder.Open(folder).Config;
        if (config.TryGetProperty("model_config", out var inner) && inner.ValueKind == JsonValueKind.Object) config = inner;
        foreach (var key in new[] { "num_frames", "frames_per_clip" })
            if (config.TryGetProperty(key, out var value) && value.TryGetInt32(out var frames) && frames > 0) return frames;
        return 1;
    }
}
