using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Circuits;

/// <summary>Draws where and when the strongest features of a coder fire on clips: a sheet and a video for each, and one report.</summary>
public static class FeatureClips
{
    /// <summary>Draws everything into a folder, which is made where it is missing.</summary>
    /// <param name="folder">Where to write.</param>
    /// <param name="model">The model.</param>
    /// <param name="coder">What is said about the coder.</param>
    /// <param name="clips">The clips.</param>
    /// <param name="found">The features of each clip.</param>
    /// <param name="map">From a clip's and a feature's number to where it fires; null: the coder reads no tokens that lie on the clip.</param>
    /// <param name="existing">Whether files that are there may be replaced.</param>
    /// <param name="origin">What the report says at its end about model, coder and command.</param>
    /// <returns>The files, the report first.</returns>
    public static IReadOnlyList<string> Write(string folder, HookedModel model, CoderCard coder, IReadOnlyList<Clip> clips,
        IReadOnlyList<IReadOnlyList<FeatureFiring>> found, Func<int, int, Heatmap>? map, ExistingFile existing, string origin = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(coder);
        ArgumentNullException.ThrowIfNull(clips);
        ArgumentNullException.ThrowIfNull(found);
        var report = new HtmlReport($"Features of {model.Card.Name}");
        report.Note($"{coder.Architecture} with {coder.Features} features on {coder.Origin.HookName}. Colours are activations, scaled for each feature alone. Beside each sheet lies a video.");
        if (map is null) report.Note("The coder reads no tokens that lie on the clip, so its features have no maps.");
        var files = new List<string> { Path.Combine(folder, "report.html") };
        var stems = FileStems.Of([.. clips.Select(clip => clip.Name)]);
        for (var k = 0; k < clips.Count; k++)
        {
            report.Section(stems[k]).Table(["feature", "highest", "total", "tokens"], found[k].Select(feature =>
                new[] { $"{feature.Feature}", $"{feature.Highest:f3}", $"{feature.Total:f3}", $"{feature.Tokens}" }));
            if (map is null) continue;
            foreach (var feature in found[k])
            {
                var places = map(k, feature.Feature);
                var stem = Path.Combine(folder, $"{stems[k]}.feature-{feature.Feature}");
                var sheet = ClipDrawing.Sheet(clips[k], places, new HeatmapStyle { Side = 220, Label = "activation" }, $"feature {feature.Feature}");
                sheet.Save(stem + ".png", existing);
                ClipDrawing.Write(stem + ".mp4", clips[k], places, existing: existing);
                files.AddRange([stem + ".png", stem + ".mp4"]);
                report.Pictures([(sheet, $"feature {feature.Feature}: highest {feature.Highest:f3}")]);
            }
        }
        if (origin.Length > 0) report.Section("Where this comes from").Note(origin);
        report.Save(files[0], existing);
        return files;
    }
}
