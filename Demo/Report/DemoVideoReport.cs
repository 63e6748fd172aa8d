using System.Globalization;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>The demo on moving pictures: what a small trained video transformer and its sparse autoencoder find in drawn clips.</summary>
public sealed class DemoVideoReport : IDisposable
{
    private const int PaintedSide = 192, HeldOut = 500;

    private readonly HookedModel _model;
    private readonly ISparseCoder _coder;
    private readonly Preprocess _preprocess;
    private readonly IProgress<string> _progress;

    /// <summary>Loads the demo's weights.</summary>
    /// <exception cref="PrismaException">They are missing or damaged.</exception>
    public DemoVideoReport(IProgress<string> progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        _progress = progress;
        progress.Report("loading the video transformer and its sparse autoencoder");
        (_model, _preprocess) = (Models.Load(DemoWeights.Video), Preprocess.Load(DemoWeights.Video));
        _coder = Coders.Load(DemoWeights.VideoSae);
    }

    /// <summary>Writes the report, sheets and videos into a folder, replacing earlier ones. Returns the files, the report first.</summary>
    public IReadOnlyList<string> Write(string folder, CancellationToken stop = default)
    {
        var report = new HtmlReport("What a small video transformer sees");
        report.Text($"A VideoMAE with {_model.ParameterCount:n0} weights looks at drawn clips of {MotionClip.Frames} frames and says what happens in them. Everything below was computed by this program in this run.");
        _progress.Report($"classifying {HeldOut} clips that were never trained on");
        report.Note($"It names {Percent(DemoVideo.Accuracy(_model, HeldOut, stop))} of {HeldOut} held-out clips; guessing names {100 / MotionKinds.All.Count} %.");
        _progress.Report("looking for features that tell what happens");
        var concepts = MotionConcepts.Find(_model, _coder, HeldOut);
        report.Section("Features that tell what happens").Text("AUROC: how often the feature fires more strongly on a clip of the kind than on another one. 0.5 is chance, 1 perfect. On the object: the share of its activation that lies on patches which the object covers, beside the share of patches that are covered. Features were chosen on clips of training and measured on held-out ones.")
            .Table(["what happens", "feature", "AUROC", "on the object", "patches covered"], concepts.Select(concept => new[]
                { concept.Name, $"{concept.Feature}", concept.Auroc.ToString("F3", CultureInfo.InvariantCulture), Percent(concept.Inside), Percent(concept.Area) }));
        var files = new List<string> { Path.Combine(folder, "report.html") };
        foreach (var concept in concepts)
        {
            stop.ThrowIfCancellationRequested();
            _progress.Report($"drawing '{concept.Name}'");
            Draw(report, concept, folder, files);
        }
        report.Save(files[0], ExistingFile.Replace);
        return files;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _model.Dispose();
        _coder.Dispose();
    }

    private void Draw(HtmlReport report, MotionConcept concept, string folder, List<string> files)
    {
        using var scope = NewDisposeScope();
        string stem = Path.Combine(folder, concept.Name.Replace(' ', '-'));
        var drawn = MotionClip.Draw(SceneSplit.HeldOut.Seed(concept.Clip));
        Clip clip = Painted(drawn, stem + ".frames");
        Tensor pixels = clip.ToTensor(ClipOrder.FramesFirst);
        using var reading = FeatureReading.Read(_model, pixels, _coder);
        var style = new HeatmapStyle { Side = 150, Label = "activation" };
        RgbImage sheet = ClipDrawing.Sheet(clip, reading.Map(0, concept.Feature, clip.Geometry), style, $"feature {concept.Feature}: {concept.Name}");
        AttributionMap map = AttributionMethod.Named("attention-relevance").Explain(_model, pixels, options: new AttributionOptions { Geometries = [clip.Geometry] })[0];
        RgbImage looked = ClipDrawing.Sheet(clip, map.Heatmap, style with { Label = map.Meaning }, $"the answer: {map.Target}");
        sheet.Save(stem + ".png", ExistingFile.Replace);
        looked.Save(stem + ".answer.png", ExistingFile.Replace);
        ClipDrawing.Write(stem + ".mp4", clip, reading.Map(0, concept.Feature, clip.Geometry), existing: ExistingFile.Replace);
        files.AddRange([stem + ".png", stem + ".answer.png", stem + ".mp4"]);
        report.Section($"Feature {concept.Feature}: {concept.Name}")
            .Text($"The held-out clip on which it fires most and most on the object, which {drawn.Kind.Text()}. The same as a video: {Path.GetFileName(stem)}.mp4.")
            .Pictures([(sheet, $"where and when feature {concept.Feature} fires")])
            .Pictures([(looked, $"attention-relevance: what the answer '{map.Target}' rests on")]);
    }

    // The clip as a user has one: a folder of pictures, prepared as the checkpoint says.
    private Clip Painted(MotionClip drawn, string folder)
    {
        Directory.CreateDirectory(folder);
        for (int frame = 0; frame < MotionClip.Frames; frame++)
            new RgbImage(PaintedSide, PaintedSide, ScenePainter.Paint(drawn.Scenes[frame], PaintedSide)).Save(Path.Combine(folder, $"{frame:00}.png"), ExistingFile.Replace);
        return Clip.Load(folder, new FrameSampling { Frames = MotionClip.Frames }, _preprocess);
    }

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";
}
