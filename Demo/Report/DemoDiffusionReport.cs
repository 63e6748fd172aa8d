using System.Globalization;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>The demo on painted pictures: what sparse autoencoders find in a small text-to-image model, and what happens when their features are changed.</summary>
public sealed class DemoDiffusionReport : IDisposable
{
    private const int Known = 400, Rows = 2, TopFeatures = 3;
    private const string ReportFile = "report.html";

    private static readonly PictureTrait[] _switched = [PictureTrait.Colour, PictureTrait.Shape];

    private readonly TextToImage _painter;
    private readonly PictureJudge _judge;
    private readonly Dictionary<HookSite, ISparseCoder> _coders = [];
    private readonly PictureIntervention _intervention;
    private readonly IProgress<string> _progress;

    /// <summary>Loads the demo's weights.</summary>
    /// <exception cref="PrismaException">They are missing or damaged.</exception>
    public DemoDiffusionReport(IProgress<string> progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        _progress = progress;
        progress.Report("loading the text-to-image model, its sparse autoencoders and the judge");
        _painter = TextToImage.Open(DemoWeights.Painter);
        _judge = PictureJudge.Load(DemoWeights.Judge);
        foreach (string folder in Directory.GetDirectories(DemoWeights.PainterSaes).Order(StringComparer.Ordinal))
        {
            ISparseCoder coder = Coders.Load(folder);
            _coders.Add(coder.Card.Reads[0], coder);
        }
        _intervention = new PictureIntervention(_painter, _coders);
    }

    /// <summary>Writes the report and its sheets into a folder, replacing earlier ones. Returns the files, the report first.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="prompts">Captions on which switches of colour and shape are judged.</param>
    /// <param name="stop">Ends the run with <see cref="OperationCanceledException"/>.</param>
    public DemoDiffusionResult Write(string folder, int prompts, CancellationToken stop = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(prompts, 1);
        _progress.Report($"painting {Known} captions to see which features go with which words");
        using PaintedSet known = PaintedSet.Paint(_painter, _intervention, SceneSplit.Choosing, Known, stop);
        var units = _coders.ToDictionary(pair => pair.Key, pair => pair.Value.Card.Statistics ?? throw new CheckpointException($"{pair.Value.Card.Name} lacks mean.pt and std.pt."));
        var trial = new SwitchTrial(_painter, known, _judge, units);
        var report = new HtmlReport("What a small text-to-image model paints with");
        report.Text($"A model of Stable Diffusion XL's build with {_painter.Unet.ParameterCount:n0} weights in its U-net paints captions in {new DemoPainterOptions().PaintingSteps} steps. Sparse autoencoders read what its four lowest transformers add. "
            + "Everything below was computed by this program in this run.");
        var scores = new List<SwitchScore>();
        var files = new List<string> { Path.Combine(folder, ReportFile) };
        foreach (PictureTrait trait in _switched)
        {
            _progress.Report($"choosing how strongly to push the features of {Name(trait)}");
            double strength = trial.StrengthFor(trait, stop);
            _progress.Report($"switching the {Name(trait)} in {prompts} pictures, with its features and with random ones");
            scores.Add(trial.Score(trait, SceneSplit.Scoring, prompts, strength, controls: true, stop));
            for (int row = 0; row < Rows; row++) files.Add(Draw(report, known, units, trait, strength, row, folder));
        }
        report.Section("How often it works")
            .Text($"In {prompts} pictures of captions that nothing was chosen on, one trait is switched by at most {TraitSwitch.Most} features: those that differ most between painted captions of the two answers. A classifier that was trained on drawn pictures says what "
                + "they show. Kept: other traits that stay as they were. Random: as many features of the same blocks that add vectors of the same lengths to the same cells.")
            .Table(["trait", "painted as the caption says", "switched", "others kept", "random: switched", "random: others kept", "strength"], scores.Select(score => new[]
            {
                Name(score.Trait), Percent(score.Painted), Percent(score.Reached), Percent(score.Kept), Percent(score.RandomReached), Percent(score.RandomKept), score.Strength.ToString("F1", CultureInfo.InvariantCulture),
            }));
        report.Save(files[0], ExistingFile.Replace);
        return new DemoDiffusionResult(files, scores);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _painter.Dispose();
        _judge.Dispose();
        foreach (ISparseCoder coder in _coders.Values) coder.Dispose();
    }

    private string Draw(HtmlReport report, PaintedSet known, IReadOnlyDictionary<HookSite, FeatureStatistics> units, PictureTrait trait, double strength, int row, string folder)
    {
        using var scope = NewDisposeScope();
        int answers = trait.Answers().Count;
        // Red to blue and circle to square first, then whatever the captions bring.
        CaptionedPicture picture = CaptionedPicture.Draw(SceneSplit.Scoring, row, 1)[0];
        if (row == 0) picture = picture.With(trait, 0);
        int from = picture[trait], to = row > 0 ? (from + 1 + row) % answers : trait == PictureTrait.Colour ? (int)ColourKind.Blue : (int)ShapeKind.Square;
        TraitSwitch change = TraitSwitch.Find(known, trait, from, to);
        GenerateOptions options = PaintedSet.Options([picture], row);
        using Generation original = _painter.Generate(options, _intervention.Kept());
        using InterventionResult edited = _intervention.Run(options, change.Edits(_intervention, original, units, strength));
        using InterventionResult random = _intervention.Run(options, change.Control(_intervention, original, units, strength, new SceneRandom((ulong)row)));
        var style = new HeatmapStyle { Sampling = HeatmapSampling.Bilinear, Label = "activation, mean over the steps" };
        string title = $"{trait.Answers()[from]} to {trait.Answers()[to]}";
        RgbImage sheet = HeatmapPicture.Sheet([
            new("painted", edited.Original.Pictures[0], null),
            .. change.Features.Take(TopFeatures).Select(feature => InterventionPictures.Tile($"{Short(feature.Site)} : {feature.Feature} {(feature.Effect < 0 ? "(off)" : "(on)")}",
                (feature.Effect < 0 ? edited.Original : edited.Edited).Pictures[0],
                _intervention.MapOf(feature.Site, feature.Feature, feature.Effect < 0 ? edited.Original : edited.Edited).mean([1])[0], _intervention.LayoutOf(feature.Site, original))),
            new(title, edited.Edited.Pictures[0], null),
            new("random features", random.Edited.Pictures[0], null),
            new("difference", InterventionPictures.Difference(edited.Original.Pictures[0], edited.Edited.Pictures[0]), null)],
            style, columns: TopFeatures + 4, title: picture.Caption);
        string file = Path.Combine(folder, $"{Name(trait)}-{row}.png");
        sheet.Save(file, ExistingFile.Replace);
        report.Section($"{picture.Caption}: {title}")
            .Text($"The features, strongest first: {string.Join(", ", change.Features.Select(feature => $"{Short(feature.Site)}:{feature.Feature} {(feature.Effect < 0 ? "pushed away" : "set")}"))}. Both pictures start from the same noise.")
            .Pictures([(sheet, "painted; where the strongest of these features fire; the same with the features changed; with random features; the difference to the first")]);
        return file;
    }

    private static string Short(HookSite site)
    {
        string[] parts = site.ToString().Split('.');
        return parts[1] == "mid_block" ? $"mid.{parts[3]}" : $"{parts[1].Split('_')[0]}.{parts[2]}.{parts[4]}";
    }

    private static string Name(PictureTrait trait) => trait.ToString().ToLowerInvariant();

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";
}
