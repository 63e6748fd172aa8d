using System.CommandLine;
using System.Security.Cryptography;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli.Commands;

/// <summary>Makes a catalogue of what every feature of a sparse coder fires on.</summary>
internal sealed class SaeFeaturesCommand : Verb
{
    internal override string Name => "sae features";

    internal override string Description =>
        "Runs a model over pictures and keeps, for every feature of a sparse coder, the pictures that excite it most, where it fires on them and its statistics: features.sqlite and a page. A stopped run goes on where it was last saved.\n"
        + "Example: prisma sae features --sae weights/demo/sae --model weights/demo/vit --image pictures --out catalogue";

    internal override void Fill(Command command, Terminal terminal)
    {
        var defaults = new CatalogueOptions();
        var sae = SaeOptions.Sae(command);
        var coderOptions = new SaeOptions(command);
        var model = Common.Model(command);
        var images = Common.Images(command);
        var output = Common.Out(command, "The folder for features.sqlite and features.html");
        var examples = new Option<int>("--examples") { HelpName = "N", DefaultValueFactory = _ => defaults.Examples, Description = "Pictures kept per feature" };
        var shown = new Option<int>("--show") { HelpName = "N", DefaultValueFactory = _ => 24, Description = "Features on the page" };
        var chosen = new Option<int[]>("--feature") { HelpName = "N", AllowMultipleArgumentsPerToken = true, Description = "Show these features instead of the most interesting ones" };
        var batch = new Option<int>("--batch") { HelpName = "N", DefaultValueFactory = _ => defaults.Batch, Description = "Pictures at a time" };
        var save = new Option<int>("--save-every") { HelpName = "N", DefaultValueFactory = _ => defaults.SaveEvery, Description = "Save what was gathered after so many pictures" };
        var site = new Option<string?>("--site") { HelpName = "PLACE", Description = "The place that the coder reads, where its file does not say" };
        foreach (var option in new Option[] { examples, shown, chosen, batch, save, site }) command.Options.Add(option);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var (folder, existing) = (parsed.GetValue(output)!, Common.Existing(parsed.GetValue(force)));
            var (database, html) = (Path.Combine(folder, "features.sqlite"), Path.Combine(folder, "features.html"));
            if (existing == ExistingFile.Refuse && File.Exists(html)) throw new OptionsException($"'{html}' exists already. Choose another folder, or use --force.");
            if (parsed.GetValue(shown) < 0) throw new OptionsException($"--show {parsed.GetValue(shown)}: 0 or more.");
            var modelFolder = Named.Folder(parsed.GetValue(model)!, terminal);
            var preprocess = Preprocess.Load(modelFolder);
            var pictures = new PictureInputs(parsed.GetValue(images)!, preprocess);
            using var loaded = Models.Load(modelFolder);
            CoderMatch.Check(parsed.GetValue(sae)!, loaded.Card, parsed.GetValue(force));
            using var coder = Coders.Load(Named.CoderPath(parsed.GetValue(sae)!, terminal), coderOptions.Read(parsed));
            SaeOptions.Describe(coder.Card, terminal);
            int[] wanted = parsed.GetValue(chosen) ?? [];
            if (wanted.FirstOrDefault(feature => feature < 0 || feature >= coder.Card.Features, -1) is var bad && wanted.Any(feature => feature < 0 || feature >= coder.Card.Features))
                throw new OptionsException($"--feature {bad}: {coder.Card.Name} has {coder.Card.Features} (0 to {coder.Card.Features - 1}).");
            var options = defaults with
            {
                Examples = parsed.GetValue(examples),
                Batch = parsed.GetValue(batch),
                SaveEvery = parsed.GetValue(save),
                Splice = CoderMatch.Place(parsed.GetValue(sae)!, coder.Card, new SpliceOptions { Force = parsed.GetValue(force), Reads = parsed.GetValue(site) is { } named ? Site.Parse(named) : null }),
            };
            var tenth = Math.Max(1, pictures.Count / 10);
            var last = 0;
            var catalogue = FeatureCatalogueBuilder.Build(database, loaded, coder, pictures, Meta(loaded, coder.Card), options, existing, new Reports<int>(done =>
            {
                if (done / tenth == last / tenth && done < pictures.Count) return;
                terminal.Remark($"{done} of {pictures.Count} pictures");
                last = done;
            }));
            var features = wanted.Length > 0 ? wanted : catalogue.Interesting(parsed.GetValue(shown));
            var places = Enumerable.Range(0, pictures.Count).ToLookup(pictures.NameOf);
            CataloguePage.Draw($"Features of {coder.Card.Origin.HookName} in {loaded.Card.Name}", catalogue, features, name =>
            {
                var picture = pictures.PictureOf(places[name].First());
                return (picture, preprocess.Apply(picture).Geometry);
            }).Save(html, existing);
            terminal.Remark($"Wrote {database} and {html}.");
            Print(terminal, catalogue, features, parsed.GetValue(json));
            return ExitCode.Good;
        });
    }

    private static void Print(Terminal terminal, FeatureCatalogue catalogue, IReadOnlyList<int> features, bool json)
    {
        if (json)
            terminal.Json(new
            {
                pictures = catalogue.Pictures.Count,
                vectors = catalogue.Rows,
                dead = catalogue.Features.Count(tally => tally.Fires == 0),
                features = features.Select(feature => new
                {
                    feature,
                    density = catalogue.Density(feature),
                    pictures = catalogue.Features[feature].Pictures,
                    mean = catalogue.Features[feature].Fires == 0 ? (double?)null : catalogue.Features[feature].Mean,
                    highest = catalogue.Features[feature].Highest,
                    energy = catalogue.Energy(feature),
                    examples = catalogue.Features[feature].Examples.Select(example => new { image = catalogue.Pictures[example.Picture], example.Highest, example.Total, example.Tokens, example.Peak }),
                }),
            });
        else
            terminal.Table(["feature", "density", "pictures", "mean", "largest", "energy", "strongest picture"], features.Select(feature => new[]
            {
                $"{feature}", $"{catalogue.Density(feature):p2}", $"{catalogue.Features[feature].Pictures}", EvaluationPage.Number(catalogue.Features[feature].Mean), EvaluationPage.Number(catalogue.Features[feature].Highest),
                EvaluationPage.Number(catalogue.Energy(feature)), catalogue.Features[feature].Examples is [var best, ..] ? catalogue.Pictures[best.Picture] : "none",
            }));
    }

    private static Dictionary<string, string> Meta(HookedModel model, CoderCard card)
    {
        // The command line differs between a run and the one that goes on with it.
        var meta = Provenance.Of(model).Where(pair => pair.Key != "command").ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
        (meta["sae"], meta["sae_format"], meta["sae_hook"]) = (card.Origin.Path, card.Origin.Format, card.Origin.HookName);
        if (!File.Exists(card.Origin.Path)) return meta;
        using var stream = File.OpenRead(card.Origin.Path);
        meta["sae_hash"] = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(stream));
        return meta;
    }
}
