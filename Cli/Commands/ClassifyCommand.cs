using System.CommandLine;
using Prisma.Core;
using Prisma.Text;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Names what is in pictures.</summary>
internal sealed class ClassifyCommand : Verb
{
    internal override string Name => "classify";

    internal override string Description =>
        "Prints the most likely classes of pictures: a classifier's own, or for CLIP the ones given with --labels.\n"
        + "Example: prisma classify --model weights/demo/vit photo.png";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var images = new Argument<string[]>("IMAGE") { Arity = ArgumentArity.OneOrMore, Description = "Pictures: files, folders or patterns" };
        command.Arguments.Add(images);
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
            var pictures = PictureBatch.Load(parsed.GetValue(images)!, Preprocess.Load(folder));
            var (names, probabilities) = Classes(loaded, folder, pictures.ToTensor(), parsed.GetValue(atOnce), parsed.GetValue(labels), parsed.GetValue(templates) ?? []);
            var rows = pictures.Names.Select((name, k) => new
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

    private static (IReadOnlyList<string> Names, Tensor Probabilities) Classes(HookedModel model, string folder, Tensor pixels, int? atOnce, string? labels, string[] templates)
    {
        var parts = pixels.split(atOnce ?? pixels.shape[0]);
        if (labels is not null)
        {
            var names = labels.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            using var classes = ZeroShot.Create(model, Tokenizers.Open(folder), names, templates.Length > 0 ? new ZeroShotOptions { Templates = templates } : null);
            return (names, cat([.. parts.Select(classes.Logits)]).softmax(-1).cpu());
        }
        if (templates.Length > 0) throw new OptionsException("--template needs --labels.");
        return (model.Card.Labels, cat([.. parts.Select(part => Logits(model, part))]).softmax(-1).cpu());
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
