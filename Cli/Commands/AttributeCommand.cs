using System.CommandLine;
using System.Globalization;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using Prisma.Text;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Draws which places of pictures an answer rests on.</summary>
internal sealed class AttributeCommand : Verb
{
    private const string FeatureMethod = "feature-gradient";

    // From so many passes on a method's number is told.
    private const int Many = 200;

    internal override string Name => "attribute";

    internal override string Description =>
        "Draws heatmaps of what a model's answer rests on: one PNG per picture and method (of a video also an MP4), a sheet, and a report.\n"
        + "Example: prisma attribute --model weights/demo/vit --image scene.png --method grad-cam --out maps";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var images = Common.Images(command);
        var clips = new ClipOptions(command);
        var methods = new Option<string[]>("--method")
        {
            AllowMultipleArgumentsPerToken = true,
            HelpName = "NAME|all",
            DefaultValueFactory = _ => ["all"],
            Description = $"One or several of: {string.Join(", ", AttributionMethod.All.Select(method => method.Name))}; with --sae also {FeatureMethod}",
        };
        var target = new Option<string?>("--target") { HelpName = "TARGET", Description = "class:281, label:cat, diff:A,B, text:a red circle, feature:SITE:123 with --sae; default: the class that the model chose" };
        var layer = new Option<int?>("--layer") { Description = "The block, negative from the end; default: each method's own" };
        foreach (var option in new Option[] { methods, target, layer }) command.Options.Add(option);
        var sae = SaeOptions.Sae(command, required: false);
        var coderOptions = new SaeOptions(command);
        var steps = Common.Count(command, "--steps", 50, "Steps of integrated gradients");
        var output = Common.Out(command, "The folder for the pictures");
        var batch = Common.Count(command, "--batch", 16, "Changed copies of a picture in one pass");
        var budget = new Option<double>("--budget") { HelpName = "SECONDS", DefaultValueFactory = _ => 600, Description = "Refuse work that is estimated to take longer; --method all leaves out its costliest methods instead" };
        command.Options.Add(budget);
        var device = Common.Device(command);
        var seed = Common.Seed(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var existing = Common.Existing(parsed.GetValue(force));
            AtomicFile.CheckTarget(Path.Combine(parsed.GetValue(output)!, "report.html"), existing);
            var where = Common.DeviceNamed(parsed.GetValue(device)!);
            var folder = Named.Folder(parsed.GetValue(model)!, terminal);
            using var scope = NewDisposeScope();
            using var loaded = Models.Load(folder);
            var sights = Sights.Load(parsed.GetValue(images)!, loaded, Preprocess.Load(folder), clips.Read(parsed, loaded), terminal);
            using var coder = parsed.GetValue(sae) is { } path ? Coders.Load(Named.CoderPath(path, terminal), coderOptions.Read(parsed)) : null;
            if (coder is not null) SaeOptions.Describe(coder.Card, terminal);
            loaded.To(where);
            var pixels = sights.ToTensor().to(where);
            var wanted = new TargetText
            {
                Embed = text => Embedding(loaded, folder, text),
                Feature = coder is null ? null : (site, number) => FeatureTarget.Of(coder, loaded, pixels, number, SpliceOption.At(coder, site, parsed.GetValue(force))),
            }.Parse(parsed.GetValue(target), loaded.Card);
            var options = new AttributionOptions
            {
                Layer = parsed.GetValue(layer),
                Steps = parsed.GetValue(steps),
                Batch = parsed.GetValue(batch),
                Seed = parsed.GetValue(seed),
                Geometries = sights.Geometries,
            };
            var chosen = parsed.GetValue(methods)!;
            var all = chosen is ["all"];
            var work = all ? AttributionMethod.All.Where(method => !method.IsBaseline).ToList() : chosen.Select(name => name == FeatureMethod ? OfFeatures(coder) : AttributionMethod.Named(name)).ToList();
            options.Check();
            // A target that the model does not have is found here and not behind the first methods.
            using (var plain = loaded.Run(pixels, wanted.Ask(HookPlan.Empty))) wanted.Of(plain).Dispose();
            if (loaded.LayoutOf(pixels) is { } layout)
            {
                var (seconds, _) = Estimate.Probe(loaded, pixels, HookPlan.Empty);
                var (_, bytes) = Estimate.Probe(loaded, pixels, HookPlan.Empty.Keep(point => !point.OnDemand));
                double Cost(AttributionMethod method) => seconds * pixels.shape[0] * method.Passes(layout, options);
                foreach (var method in work.Where(method => method.Passes(layout, options) >= Many))
                    terminal.Remark($"{method.Name} asks the model some {method.Passes(layout, options):n0} times about each picture.");
                work = WithinBudget(work, Cost, parsed.GetValue(budget), all, terminal);
                Estimate.Say(terminal, work.Sum(Cost), bytes * options.Batch);
            }
            var maps = new List<IReadOnlyList<AttributionMap>>();
            foreach (var method in work)
            {
                terminal.Remark($"{method.Name} …");
                try
                {
                    maps.Add(sights.Join(method.Explain(loaded, pixels, wanted, options), FrameMaps.Join));
                }
                catch (NotApplicableException error) when (all)
                {
                    terminal.Remark(error.Message);
                }
            }
            var files = sights.Clips.Count > 0
                ? AttributionClips.Write(parsed.GetValue(output)!, loaded, sights.Clips, maps, existing, Provenance.Sentence(loaded))
                : AttributionPictures.Write(parsed.GetValue(output)!, loaded, sights.Pictures, maps, existing, Provenance.Sentence(loaded));
            if (parsed.GetValue(json))
                terminal.Json(sights.Names.Select((name, k) => new
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
                        map[k].Heatmap.Layout.Frames,
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

    // All of what was named, or an error; of "all", what the budget has room for when the costliest are left out.
    private static List<AttributionMethod> WithinBudget(List<AttributionMethod> work, Func<AttributionMethod, double> cost, double budget, bool all, Terminal terminal)
    {
        var kept = work.ToList();
        while (kept.Sum(cost) > budget)
        {
            if (!all || kept.Count == 1)
                throw new OptionsException(string.Create(CultureInfo.InvariantCulture, $"This takes about {kept.Sum(cost):f0} s, more than --budget {budget:g3}. Raise it, or take fewer pictures or methods; the costliest is {kept.MaxBy(cost)!.Name}."));
            var costliest = kept.MaxBy(cost)!;
            kept.Remove(costliest);
            terminal.Remark(string.Create(CultureInfo.InvariantCulture, $"{costliest.Name} is left out: it takes about {cost(costliest):f0} s, and all methods together take more than --budget {budget:g3}."));
        }
        return kept;
    }

    private static FeatureGradient OfFeatures(ISparseCoder? coder) => new(coder ?? throw new OptionsException($"--method {FeatureMethod} needs a coder: --sae."));

    // A text's direction in the joint space of pictures and texts; lives in the verb's scope.
    private static Tensor Embedding(HookedModel model, string folder, string text)
    {
        using var zeroShot = ZeroShot.Create(model, Tokenizers.Open(folder), [text], new ZeroShotOptions { Templates = ["{}"] });
        return zeroShot.Embeddings[0].clone();
    }
}
