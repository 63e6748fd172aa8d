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
    private const int Rows = 3, TopFeatures = 3;
    private const string ReportFile = "report.html";

    // With the switch that is shown first.
    private static readonly (PictureTrait Trait, int From, int To)[] _switched =
    [
        (PictureTrait.Colour, (int)ColourKind.Red, (int)ColourKind.Blue),
        (PictureTrait.Shape, (int)ShapeKind.Circle, (int)ShapeKind.Star),
    ];

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
    /// <param name="prompts">Captions on which the switches are judged.</param>
    /// <param name="stop">Ends the run with <see cref="OperationCanceledException"/>.</param>
    public DemoDiffusionResult Write(string folder, int prompts, CancellationToken stop = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(prompts, 1);
        var units = _coders.ToDictionary(pair => pair.Key, pair => pair.Value.Card.Statistics ?? throw new CheckpointException($"{pair.Value.Card.Name} lacks mean.pt and std.pt."));
        var trial = new SwitchTrial(_painter, _intervention, _judge, units);
        var report = new HtmlReport("What a small text-to-image model paints with");
        report.Text($"A model of Stable Diffusion XL's build with {_painter.Unet.ParameterCount:n0} weights in its U-net paints captions in {new DemoPainterOptions().PaintingSteps} steps. Sparse autoencoders read what its four lowest transformers add. "
            + "Everything below was computed by this program in this run.");
        var scores = new List<SwitchScore>();
        var files = new List<string> { Path.Combine(folder, ReportFile) };
        foreach (var (trait, from, to) in _switched)
        {
            _progress.Report($"switching the {Name(trait)} in {prompts} pictures, with its features and with random ones");
            scores.Add(trial.Score(trait, prompts, stop));
            for (int row = 0; row < Rows; row++)
            {
                CaptionedPicture picture = CaptionedPicture.Draw(SceneSplit.Scoring.Seed(row));
                var (before, after) = row == 0 ? (from, to) : (picture[trait], SwitchTrial.Wanted(picture, trait, row));
                files.Add(Draw(report, units, picture.With(trait, before), trait, after, row, folder));
            }
        }
        report.Section("How often it works")
            .Text($"In {prompts} pictures one trait is switched by at most {TraitSwitch.Most} features: those that differ most, from the same noise, between the caption and the caption with the other answer. They go {TraitSwitch.Strength.ToString(CultureInfo.InvariantCulture)} times as far as to what they are for the caption with the other answer; nothing else is touched. A classifier that was trained on drawn pictures says what "
                + "they show. Kept: of the other traits that the unchanged picture shows as captioned, those that stay. Random: as many features of the same blocks that add vectors as long to the same cells.")
            .Table(["trait", "painted as the caption says", "switched", "others kept", "random: switched", "random: others kept"], scores.Select(score => new[]
            {
                Name(score.Trait), Percent(score.Painted(score.Trait)), Percent(score.Reached), Percent(score.Kept), Percent(score.RandomReached), Percent(score.RandomKept),
            }));
        report.Section("What it paints").Text($"Of the same {prompts} pictures without a change: how many show what their caption says, as the classifier sees it. Guessing shapes makes {100.0 / PictureTrait.Shape.Answers().Count:F0} %.")
            .Table(["trait", "as the caption says"], PictureTraits.All.Select(trait => new[] { Name(trait), Percent(scores[0].Painted(trait)) }));
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

    private string Draw(HtmlReport report, IReadOnlyDictionary<HookSite, FeatureStatistics> units, CaptionedPicture picture, PictureTrait trait, int to, int row, string folder)
    {
        using var scope = NewDisposeScope();
        using SwitchedPicture switched = SwitchedPicture.Paint(_painter, _intervention, units, picture.Caption, picture.With(trait, to).Caption, row);
        var style = new HeatmapStyle { Sampling = HeatmapSampling.Bilinear, Label = "activation, mean over the steps" };
        string title = $"{trait.Answers()[picture[trait]]} to {trait.Answers()[to]}";
        RgbImage sheet = HeatmapPicture.Sheet([
            new("painted", switched.Original.Pictures[0], null),
            .. switched.Change.Features.Take(TopFeatures).Select(feature => Map(feature, feature.Effect < 0 ? switched.Original : switched.Edited)),
            new(title, switched.Edited.Pictures[0], null),
            new("random features", switched.Random.Pictures[0], null),
            new("difference", InterventionPictures.Difference(switched.Original.Pictures[0], switched.Edited.Pictures[0]), null)],
            style, columns: TopFeatures + 4, title: picture.Caption);
        string file = Path.Combine(folder, $"{Name(trait)}-{row}.png");
        sheet.Save(file, ExistingFile.Replace);
        report.Section($"{picture.Caption}: {title}")
            .Text($"The features, strongest first: {string.Join(", ", switched.Change.Features.Select(feature => $"{Short(feature.Site)}:{feature.Feature} {(feature.Effect < 0 ? "weaker" : "stronger")}"))}. Both pictures start from the same noise. The same at the command line, with the coders' folders behind --sae:")
            .Text($"prisma intervene --model weights/demo/painter --steps {new DemoPainterOptions().PaintingSteps} --seed {row} --prompt \"{picture.Caption}\" --from \"{picture.With(trait, to).Caption}\" --push {TraitSwitch.Strength.ToString(CultureInfo.InvariantCulture)} "
                + $"{string.Join(" ", switched.Change.Features.GroupBy(feature => feature.Site).Select(site => $"--transplant {Short(site.Key)}:{string.Join(",", site.Select(feature => feature.Feature))}"))} --sae … --out changed")
            .Pictures([(sheet, "painted; where the strongest of these features fire; the same with the features changed; with random features; the difference to the first")]);
        return file;
    }

    private HeatmapTile Map(FeatureContrast feature, Generation made) => InterventionPictures.Tile($"{Short(feature.Site)} : {feature.Feature}, {(feature.Effect < 0 ? "before" : "after")}",
        made.Pictures[0], _intervention.MapOf(feature.Site, feature.Feature, made).mean([1])[0], _intervention.LayoutOf(feature.Site, made));

    private static string Short(HookSite site)
    {
        string[] parts = site.ToString().Split('.');
        return parts[1] == "mid_block" ? $"mid.{parts[3]}" : $"{parts[1].Split('_')[0]}.{parts[2]}.{parts[4]}";
    }

    private static string Name(PictureTrait trait) => trait.ToString().ToLowerInvariant();

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";
}
