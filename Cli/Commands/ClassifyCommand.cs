using System.CommandLine;
using Prisma.Core;
using Prisma.Text;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Names what is in pictures and videos.</summary>
internal sealed class ClassifyCommand : Verb
{
    internal override string Name => "classify";

    internal override string Description =>
        "Prints the most likely classes of pictures or videos: a classifier's own, or for CLIP the ones given with --labels.\n"
        + "Example: prisma classify --model weights/demo/vit photo.png";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var images = new Argument<string[]>("IMAGE") { Arity = ArgumentArity.OneOrMore, Description = "Pictures or videos: files, folders or patterns" };
        command.Arguments.Add(images);
        var clips = new ClipOptions(command);
        var hop = new Option<int?>("--hop") { HelpName = "N", Description = "Of long videos: classify windows, each so many frames after the one before" };
        command.Options.Add(hop);
        var labels = new Option<string?>("--labels") { HelpName = "A,B,C", Description = "Class names for a model of pictures and texts (CLIP)" };
        var top = Common.Count(command, "--top", 5, "How many classes to print");
        var templates = new Option<string[]>("--template") { HelpName = "TEXT", Description = "A sentence with {} for the class name; repeatable, 'a photo of a {}.' by default" };
        command.Options.Add(labels);
        command.Options.Add(templates);
        var device = Common.Device(command);
        var atOnce = Common.Batch(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var where = Common.DeviceNamed(parsed.GetValue(device)!);
            var folder = Named.Folder(parsed.GetValue(model)!, terminal);
            using var scope = NewDisposeScope();
            using var loaded = Models.Load(folder);
            loaded.To(where);
            var sampling = clips.Read(parsed, loaded);
            if (parsed.GetValue(hop) is { } step) return Slide(loaded, folder, parsed.GetValue(images)!, sampling, step, parsed.GetValue(json), terminal);
            var sights = Sights.Load(parsed.GetValue(images)!, loaded, Preprocess.Load(folder), sampling, terminal);
            var (names, probabilities) = Classes(loaded, folder, sights, parsed.GetValue(atOnce), parsed.GetValue(labels), parsed.GetValue(templates) ?? []);
            var rows = sights.Names.Select((name, k) => new
            {
                image = name,
                classes = Best(probabilities[k], parsed.GetValue(top)).Select(c => new { label = names.Count > c.Index ? names[c.Index] : $"class {c.Index}", c.Index, c.Probability }).ToList(),
            }).ToList();
            if (parsed.GetValue(json))
                terminal.Json(rows);
            else
                foreach (var row in rows)
                {
                    terminal.Line(row.image);
                    foreach (var best in row.classes) terminal.Line($"  {best.Probability,7:p1}  {best.label}");
                }
            return ExitCode.Good;
        });
    }

    // One line for each window as soon as it is known: memory does not grow with the video.
    private static int Slide(HookedModel model, string folder, string[] named, FrameSampling sampling, int hop, bool json, Terminal terminal)
    {
        if (model is not IVideoModel video) throw new OptionsException($"--hop is for video models; {model.Card.Name} sees single pictures.");
        using var windows = new ClipInputs(named, Preprocess.Load(folder), video, sampling, hop);
        var rows = new List<object>();
        for (var k = 0; k < windows.Count; k++)
        {
            using var scope = NewDisposeScope();
            var input = windows.Batch([k]);
            using var clip = input[video.ClipInput];
            using var recording = model.Run(input, HookPlan.Empty);
            if (!recording.Outputs.TryGetValue("logits", out var logits)) throw new PrismaException($"{model.Card.Name} has no classifier.");
            var (index, probability) = Best(logits.softmax(-1)[0].cpu(), 1).Single();
            var label = model.Card.Labels.Count > index ? model.Card.Labels[index] : $"class {index}";
            var frames = windows.FramesOf(k);
            if (json) rows.Add(new { video = windows.FileOf(k), first = frames[0], last = frames[^1], label, index, probability });
            else terminal.Line($"{windows.FileOf(k)}  frames {frames[0],6} to {frames[^1],6}  {probability,7:p1}  {label}");
        }
        if (json) terminal.Json(rows);
        return ExitCode.Good;
    }

    private static (IReadOnlyList<string> Names, Tensor Probabilities) Classes(HookedModel model, string folder, Sights sights, int? atOnce, string? labels, string[] templates)
    {
        var parts = sights.ToTensors(atOnce);
        if (labels is not null)
        {
            var names = labels.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            using var classes = ZeroShot.Create(model, Tokenizers.Open(folder), names, templates.Length > 0 ? new ZeroShotOptions { Templates = templates } : null);
            return (names, sights.Mean(cat([.. parts.Select(classes.Logits)])).softmax(-1).cpu());
        }
        if (templates.Length > 0) throw new OptionsException("--template needs --labels.");
        return (model.Card.Labels, sights.Mean(cat([.. parts.Select(part => Logits(model, part))])).softmax(-1).cpu());
    }

    private static Tensor Logits(HookedModel model, Tensor pixels)
    {
        using var recording = model.Run(pixels, HookPlan.Empty);
        if (!recording.Outputs.TryGetValue("logits", out var logits))
            throw new PrismaException($"{model.Card.Name} has no classifier. A model of pictures and texts needs class names: --labels 'a cat,a dog'.");
        return logits.alias();
    }

    private static IEnumerable<(int Index, double Probability)> Best(Tensor probabilities, int count) =>
        probabilities.data<float>().ToArray().Select((p, k) => (k, (double)p)).OrderByDescending(pair => pair.Item2).Take(count);
}
