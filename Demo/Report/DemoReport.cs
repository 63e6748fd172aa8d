using System.Globalization;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>
/// The demo: what a small trained vision transformer computes, in pictures. Every number is measured in the run that prints it, by the same
/// calls that a user makes on a model of his own.
/// </summary>
public sealed class DemoReport : IDisposable
{
    private const int FeaturesPerScene = 4;
    private const double ClearMatch = 0.6;  // of FeatureConcept.Score

    private readonly HookedModel _model;
    private readonly ISparseCoder _coder;
    private readonly DemoOptions _options;
    private readonly IProgress<string> _progress;

    /// <summary>Loads the demo's weights.</summary>
    /// <exception cref="PrismaException">They are missing or damaged, or an option is out of range.</exception>
    public DemoReport(DemoOptions options, IProgress<string> progress)
    {
        options.Validate();
        (_options, _progress) = (options, progress);
        progress.Report("loading the vision transformer and its sparse autoencoder");
        _model = Models.Load(DemoWeights.Vit);
        _coder = Coders.Load(DemoWeights.Sae);
    }

    /// <summary>Runs everything and writes the report and its pictures into a folder. Returns the files, the report first.</summary>
    public IReadOnlyList<string> Write(string folder, CancellationToken stop = default)
    {
        var report = new HtmlReport("What a small vision transformer sees");
        report.Text($"A vision transformer with {_model.ParameterCount:n0} weights looks at drawn scenes of 64 × 64 pixels and names {Scene.Rule}. "
            + "Everything below was computed by this program in this run: which places its answers rest on, what its layers know, and which features a sparse autoencoder finds inside it.");
        _progress.Report($"classifying {_options.HeldOut} scenes that were never trained on");
        var accuracy = DemoVit.Accuracy(_model, _options.HeldOut, stop: stop);
        report.Note($"Accuracy on {_options.HeldOut} held-out scenes: {Percent(accuracy)}. Guessing the most frequent class gives about 17 %, a linear probe on the pixels and a colour histogram about 20 % ('prisma demo baselines' measures them).");
        var contest = HeatmapContest.Run(_model, _options, _progress, stop);
        var files = new List<string> { Path.Combine(folder, "report.html") };
        Heatmaps(report, contest, folder, files);
        _progress.Report("reading every layer with the model's own head");
        Lens(report, folder, files);
        _progress.Report($"matching features with what is drawn on {_options.HeldOut / 2} scenes");
        Features(report, folder, files, stop);
        report.Note($"Prisma.Net, libtorch {__version__}, {get_num_threads()} {(get_num_threads() == 1 ? "thread" : "threads")}. Scenes are drawn from seeds; no scene serves two purposes.");
        report.Save(files[0], ExistingFile.Replace);
        return files;
    }

    /// <summary>All heatmap methods on all kinds of question.</summary>
    public HeatmapContest Contest(CancellationToken stop = default) => HeatmapContest.Run(_model, _options with { EveryMethod = true }, _progress, stop);

    /// <inheritdoc/>
    public void Dispose()
    {
        _model.Dispose();
        _coder.Dispose();
    }

    private void Heatmaps(HtmlReport report, HeatmapContest contest, string folder, List<string> files)
    {
        report.Section("Where it looks").Text(
            $"A heatmap shows which places the answer rests on. The method '{contest.Best}' was chosen on {_options.Choosing} scenes and scored on {_options.Scoring} others "
            + $"({contest.ScoredOn.Wrong} of them misclassified: more than come by themselves, so that mistakes count). Where the model names the class of another object, the map should lie on that one. A map that knows nothing puts on the marked object what its share of the objects' area deserves.");
        report.Table(["method", "energy on the marked object, of all objects", "its area, of all objects", "ratio", "energy on it, of the picture", "its area, of the picture", "highest point on it", "or within 4 pixels"],
            contest.Main.Scores.OrderByDescending(score => score.EnergyAmongObjects).Select(score => new[]
            {
                score.Method + (score.IsBaseline ? " (baseline)" : ""), Percent(score.EnergyAmongObjects), Percent(score.AreaAmongObjects),
                score.Ratio.ToString("f2", CultureInfo.InvariantCulture), Percent(score.EnergyOfPicture), Percent(score.AreaOfPicture), Percent(score.Pointing), Percent(score.PointingNear),
            }), best: contest.Best);
        var contrast = contest.Tables.FirstOrDefault(table => table.Question == "contrast");
        if (contrast?.Scores.Single(score => score.Method == contest.Best) is { } asked)
            report.Text($"Asked what speaks for another object's class against the chosen one, '{contest.Best}' puts {Percent(asked.EnergyAmongObjects)} of the objects' energy on that object, "
                + $"which has {Percent(asked.AreaAmongObjects)} of their area.");
        report.Text("Raw attention asks for no class: it shows where this model's class token reads, which in this task is the marked object and little else, so it does about as well. "
            + "Maps are drawn on an 8 × 8 grid; even a perfect map of which patches the object covers spills a tenth of its energy on objects that touch it.");
        var scenes = Shown();
        using var scope = NewDisposeScope();
        var people = scenes.Select(scene => JudgedScenes.ForPeople(scene)).ToList();
        var options = new AttributionOptions { Steps = _options.Steps, Geometries = [.. people.Select(pair => pair.Geometry)] };
        string[] methods = [contest.Best, "attention"];
        var maps = methods.Distinct().Select(name => AttributionMethod.Named(name).Explain(_model, JudgedScenes.Pixels(scenes), options: options)).ToList();
        using var logits = _model.Run(JudgedScenes.Pixels(scenes));
        var guesses = logits.argmax(1).data<long>().ToArray();
        var tiles = new List<HeatmapTile>();
        for (var k = 0; k < scenes.Count; k++)
        {
            var truth = $"{scenes[k].Label}".ToLowerInvariant();
            var guess = _model.Card.Labels[(int)guesses[k]];
            tiles.Add(new HeatmapTile(guess == truth ? $"says {guess}: right" : $"says {guess}: wrong, it is a {truth}", people[k].Picture, null));
            tiles.AddRange(maps.Select(method => new HeatmapTile(method[k].Method, people[k].Picture, method[k].Heatmap)));
        }
        Add(report, folder, files, "heatmaps.png", "Scenes, the chosen method's maps, and raw attention for comparison. The object with the white outline is the one to name.",
            HeatmapPicture.Sheet(tiles, new HeatmapStyle { Side = 190 }, columns: 2 * (1 + maps.Count), scales: HeatmapScales.Each));
    }

    private void Lens(HtmlReport report, string folder, List<string> files)
    {
        var scene = Shown()[0];
        var (picture, geometry) = JudgedScenes.ForPeople(scene);
        using var pixels = JudgedScenes.Pixels([scene]);
        using var lens = LogitLens.Read(_model, pixels);
        var label = (int)scene.Label;
        report.Section("What its layers know").Text(
            "The logit lens reads the residual stream after every block with the model's own final norm and classifier. Early layers were never trained to be read so, and the class token decides late; the patches show where the evidence gathers.");
        report.Table(["layer", "the class token says", "probability"], lens.Layers.Select((_, k) =>
        {
            var top = lens.Top(k, 0, count: 1)[0];
            return new[] { Stage(k, lens.Layers.Count), top.Name, Percent(top.Probability) };
        }));
        var tiles = new List<HeatmapTile> { new(scene.Caption, picture, null) };
        tiles.AddRange(lens.Layers.Select((_, k) => new HeatmapTile(Stage(k, lens.Layers.Count), picture, lens.Map(k, 0, label, geometry))));
        Add(report, folder, files, "lens.png", $"The logit of '{_model.Card.Labels[label]}' read from every patch, layer by layer, in one scale.",
            HeatmapPicture.Sheet(tiles, new HeatmapStyle { Side = 170, Label = "logit" }, columns: 4, scales: HeatmapScales.Common));
    }

    private static string Stage(int index, int stages) => index == 0 ? "before block 0" : index == stages - 1 ? $"after block {index - 1}, the last" : $"after block {index - 1}";

    private void Features(HtmlReport report, string folder, List<string> files, CancellationToken stop)
    {
        var matches = FeatureConcepts.Match(_model, _coder, _options.HeldOut / 2, stop);
        report.Section("What its features stand for").Text(
            $"A sparse autoencoder ({_coder.Card.Architecture}, {_coder.Card.Features} features, on {_coder.Card.Origin.HookName}) takes the stream apart into features of which few fire on any patch. "
            + "Since it is known what was drawn on every patch, each feature can be held against it: of the patches where it fires, how many show the property, and of those that show it, where does it fire?");
        report.Table(["property", "best feature", "fires on it (precision)", "finds it (recall)", "base rate"],
            matches.Select(match => new[] { match.Concept, $"{match.Feature}", Percent(match.Precision), Percent(match.Recall), Percent(match.BaseRate) }));
        var clear = matches.Where(match => match.Score > ClearMatch && match.Concept != "ground").DistinctBy(match => match.Feature).ToList();
        List<FeatureConcept> Present(Scene scene) => [.. clear.Where(match => FeatureConcepts.IsIn(scene, match.Concept)).Take(FeaturesPerScene)];
        var scenes = JudgedScenes.Draw(SceneSplit.HeldOut, 40).Where(scene => Present(scene).Count == FeaturesPerScene).Take(3).ToList();
        using var scope = NewDisposeScope();
        using var reading = FeatureReading.Read(_model, JudgedScenes.Pixels(scenes), _coder);
        var tiles = new List<HeatmapTile>();
        for (var k = 0; k < scenes.Count; k++)
        {
            var (picture, geometry) = JudgedScenes.ForPeople(scenes[k]);
            tiles.Add(new HeatmapTile("scene", picture, null));
            tiles.AddRange(Present(scenes[k]).Select(match => new HeatmapTile($"{match.Feature}: {match.Concept}", picture, reading.Map(k, match.Feature, geometry))));
        }
        Add(report, folder, files, "features.png", "Features that match a property clearly, on three scenes that show it. The number is the feature, the word what it was matched with on other scenes.",
            HeatmapPicture.Sheet(tiles, new HeatmapStyle { Side = 180, Label = "activation" }, columns: 1 + FeaturesPerScene, scales: HeatmapScales.Each));
        Ablations(report, scenes[0], reading);
    }

    private void Ablations(HtmlReport report, Scene scene, FeatureReading reading)
    {
        using var pixels = JudgedScenes.Pixels([scene]);
        var strongest = reading.Top(0, 8).ToDictionary(feature => feature.Feature);
        var rows = FeatureAblation.Effects(_model, pixels, _coder, [.. strongest.Keys]).OrderByDescending(effect => effect.Drops[0]).ToList();
        report.Text($"Taking one feature away wherever it fires on the first scene, with everything that the autoencoder misses left in place, lowers the logit of '{_model.Card.Labels[(int)scene.Label]}' by:");
        report.Table(["feature", "highest activation", "tokens", "drop of the logit"], rows.Select(effect => new[]
        {
            $"{effect.Feature}", strongest[effect.Feature].Highest.ToString("f2", CultureInfo.InvariantCulture), $"{strongest[effect.Feature].Tokens}",
            effect.Drops[0].ToString("+0.000;-0.000;0.000", CultureInfo.InvariantCulture),
        }));
    }

    // Five scenes that the model gets right and, if there is one among the first thousand, one that it gets wrong.
    private List<Scene> Shown()
    {
        var scenes = JudgedScenes.Draw(SceneSplit.HeldOut, 1000);
        var guesses = JudgedScenes.Guesses(_model, scenes);
        var wrong = scenes.Where((scene, k) => guesses[k] != (int)scene.Label).Take(1).ToList();
        return [.. scenes.Where((scene, k) => guesses[k] == (int)scene.Label).Take(6 - wrong.Count), .. wrong];
    }

    private static void Add(HtmlReport report, string folder, List<string> files, string name, string caption, RgbImage picture)
    {
        files.Add(Path.Combine(folder, name));
        picture.Save(files[^1], ExistingFile.Replace);
        report.Pictures([(picture, caption)]);
    }

    private static string Percent(double share) => share.ToString("p1", CultureInfo.InvariantCulture);
}
