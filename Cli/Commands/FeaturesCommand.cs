using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Shows which features of a sparse coder fire where on pictures.</summary>
internal sealed class FeaturesCommand : Verb
{
    internal override string Name => "features";

    internal override string Description =>
        "Lists the strongest features of a sparse coder on pictures and draws where each fires; --check measures the coder on your pictures.\n"
        + "Example: prisma features --model weights/demo/vit --sae weights/demo/sae --image scene.png --out maps";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command, required: false);
        model.Description += "; the one that the coder was trained on, where that is known by name";
        var sae = SaeOptions.Sae(command);
        var options = new SaeOptions(command);
        var images = Common.Images(command, required: false);
        var clips = new ClipOptions(command);
        var top = Common.Count(command, "--top", 8, "How many features per picture");
        var batch = Common.Count(command, "--batch", 16, "Pictures in one pass of --check");
        var site = new Option<string?>("--site") { HelpName = "PLACE", Description = "The place that the coder reads, where its file does not say" };
        var check = new Option<string?>("--check") { HelpName = "PICTURES", Description = "Measure L0 and explained variance on these pictures (a folder, a tar archive, a Parquet table, …), all, class and spatial tokens apart" };
        foreach (var option in new Option[] { site, check }) command.Options.Add(option);
        var output = Common.Out(command, "The folder for the pictures", required: false);
        var device = Common.Device(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            _ = Common.CoderDeviceNamed(parsed.GetValue(device)!);
            if (parsed.GetValue(output) is { } wanted) AtomicFile.CheckTarget(Path.Combine(wanted, "report.html"), Common.Existing(parsed.GetValue(force)));
            var coderName = parsed.GetValue(sae)!;
            using var scope = NewDisposeScope();
            using var coder = Coders.Load(Named.CoderPath(coderName, terminal), options.Read(parsed));
            SaeOptions.Describe(coder.Card, terminal);
            var folder = CoderMatch.Model(parsed.GetValue(model), coderName, coder.Card, terminal);
            using var loaded = Models.Load(folder);
            CoderMatch.Check(coderName, loaded.Card, parsed.GetValue(force));
            var splice = CoderMatch.Place(coderName, coder.Card, new SpliceOptions { Force = parsed.GetValue(force), Reads = parsed.GetValue(site) is { } named ? Site.Parse(named) : null });
            if (parsed.GetValue(check) is { } folderToCheck) return Check(loaded, coder, splice, folderToCheck, folder, parsed.GetValue(batch), parsed.GetValue(json), terminal);
            if (parsed.GetValue(images) is not { Length: > 0 } named2) throw new OptionsException("Name pictures with --image, or a folder to measure on with --check.");
            var sights = Sights.Load(named2, loaded, Preprocess.Load(folder), clips.Read(parsed, loaded), terminal);
            using var reading = FeatureReading.Read(loaded, sights.ToTensor(), coder, splice);
            var count = parsed.GetValue(top);
            var found = Enumerable.Range(0, sights.Names.Count).Select(k => reading.Top([.. sights.RowsOf(k)], count)).ToList();
            if (parsed.GetValue(output) is { } into)
                foreach (var file in Draw(into, loaded, coder.Card, sights, reading, found, Common.Existing(parsed.GetValue(force)))) terminal.Remark($"Wrote {file}.");
            if (parsed.GetValue(json))
                terminal.Json(sights.Names.Select((name, k) => new { image = name, features = found[k] }));
            else
                for (var k = 0; k < found.Count; k++)
                {
                    terminal.Line(sights.Names[k]);
                    terminal.Table(["feature", "highest", "total", "tokens"], found[k].Select(feature =>
                        new[] { $"{feature.Feature}", $"{feature.Highest:f3}", $"{feature.Total:f3}", $"{feature.Tokens}" }));
                }
            return ExitCode.Good;
        });
    }

    private static IReadOnlyList<string> Draw(string folder, HookedModel model, CoderCard coder, Sights sights, FeatureReading reading,
        IReadOnlyList<IReadOnlyList<FeatureFiring>> found, ExistingFile existing)
    {
        var origin = Provenance.Sentence(model, coder);
        if (sights.Clips.Count == 0) return FeaturePictures.Write(folder, model, coder, sights.Pictures, reading, found, existing, origin);
        Heatmap Map(int clip, int feature)
        {
            var maps = sights.RowsOf(clip).Select(row => reading.Map(row, feature, sights.Geometries[row])).ToList();
            return sights.FrameByFrame ? Heatmap.OverTime(maps) : maps[0];
        }
        return FeatureClips.Write(folder, model, coder, sights.Clips, found, reading.OnPicture ? Map : null, existing, origin);
    }

    private static int Check(HookedModel model, ISparseCoder coder, SpliceOptions splice, string folder, string modelFolder, int batch, bool json, Terminal terminal)
    {
        var fidelity = new Fidelity(coder);
        var pictures = new PictureInputs([folder], Preprocess.Load(modelFolder));
        foreach (var chunk in Enumerable.Range(0, pictures.Count).Chunk(batch))
        {
            using var scope = NewDisposeScope();
            using var pixels = pictures.Batch(chunk)["input"];
            ModelInput input = pixels;
            var placement = CoderPlacement.Of(coder, model, input, splice);
            using var recording = model.Run(input, HookPlan.Empty.Keep(placement.Reads, placement.Writes));
            fidelity.Add(recording.Cache[placement.Reads], model.LayoutOf(input), placement.Reads == placement.Writes ? null : recording.Cache[placement.Writes]);
        }
        var report = fidelity.Report();
        if (json)
            terminal.Json(report);
        else
        {
            terminal.Table(["tokens", "count", "L0", "explained variance", "cosine"], report.Rows.Select(row =>
                new[] { row.Tokens, $"{row.Count}", $"{row.L0:f2}", $"{row.ExplainedVariance:f4}", $"{row.Cosine:f4}" }));
            terminal.Line($"{report.DeadFeatures} of {report.Features} features never fired on these pictures.");
            foreach (var (name, value) in report.Published) terminal.Line($"published {name}: {value:g6}");
        }
        return ExitCode.Good;
    }
}
