using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Text;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Draws which places of pictures an answer rests on.</summary>
internal sealed class AttributeCommand : Verb
{
    internal override string Name => "attribute";

    internal override string Description =>
        "Draws heatmaps of what a model's answer rests on: one PNG per picture and method, a sheet, and a report.\n"
        + "Example: prisma attribute --model weights/demo/vit --image scene.png --method grad-cam --out maps";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var images = Common.Images(command);
        var methods = new Option<string[]>("--method")
        {
            AllowMultipleArgumentsPerToken = true,
            HelpName = "NAME|all",
            DefaultValueFactory = _ => ["all"],
            Description = $"One or several of: {string.Join(", ", AttributionMethod.All.Select(method => method.Name))}",
        };
        var target = new Option<string?>("--target") { HelpName = "TARGET", Description = "class:281, label:cat, diff:A,B, text:a red circle; default: the class that the model chose" };
        var layer = new Option<int?>("--layer") { Description = "The block, negative from the end; default: each method's own" };
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 50, Description = "Steps of integrated gradients" };
        foreach (var option in new Option[] { methods, target, layer, steps }) command.Options.Add(option);
        var output = Common.Out(command, "The folder for the pictures");
        var batch = new Option<int>("--batch") { DefaultValueFactory = _ => 16, Description = "Changed copies of a picture in one pass" };
        command.Options.Add(batch);
        var seed = Common.Seed(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var folder = parsed.GetValue(model)!;
            using var scope = NewDisposeScope();
            using var loaded = Models.Load(folder);
            var pictures = PictureBatch.Load(parsed.GetValue(images)!, Preprocess.Load(folder));
            var wanted = new TargetText { Embed = text => Embedding(loaded, folder, text) }.Parse(parsed.GetValue(target), loaded.Card);
            var options = new AttributionOptions
            {
                Layer = parsed.GetValue(layer),
                Steps = parsed.GetValue(steps),
                Batch = parsed.GetValue(batch),
                Seed = parsed.GetValue(seed),
                Geometries = pictures.Geometries,
            };
            var chosen = parsed.GetValue(methods)!;
            var all = chosen is ["all"];
            var work = all ? [.. AttributionMethod.All.Where(method => !method.IsBaseline)] : chosen.Select(AttributionMethod.Named).ToList();
            var maps = new List<IReadOnlyList<AttributionMap>>();
            foreach (var method in work)
            {
                terminal.Remark($"{method.Name} …");
                try
                {
                    maps.Add(method.Explain(loaded, pictures.ToTensor(), wanted, options));
                }
                catch (NotApplicableException error) when (all)
                {
                    terminal.Remark(error.Message);
                }
            }
            var files = AttributionPictures.Write(parsed.GetValue(output)!, loaded, pictures, maps, Common.Existing(parsed.GetValue(force)));
            if (parsed.GetValue(json))
                terminal.Json(pictures.Names.Select((name, k) => new
                {
                    image = name,
                    maps = maps.Select(map => new
                    {
                        map[k].Method,
                        map[k].Target,
                        map[k].Score,
                        map[k].Place,
                        map[k].Note,
                        map[k].Forwards,
                        map[k].Heatmap.Layout.Rows,
                        map[k].Heatmap.Layout.Columns,
                        values = map[k].Heatmap.Values.ToArray(),
                    }),
                }));
            else
                foreach (var file in files) terminal.Line(file);
            return ExitCode.Good;
        });
    }

    // A text's direction in the joint space of pictures and texts; lives in the verb's scope.
    private static Tensor Embedding(HookedModel model, string folder, string text)
    {
        using var zeroShot = ZeroShot.Create(model, Tokenizers.Open(folder), [text], new ZeroShotOptions { Templates = ["{}"] });
        return zeroShot.Embeddings[0].clone();
    }
}
