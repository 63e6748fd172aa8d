using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Circuits;

/// <summary>Draws where the strongest features of a coder fire: a sheet per picture and one report.</summary>
public static class FeaturePictures
{
    /// <summary>Draws everything into a folder, which is made where it is missing.</summary>
    /// <param name="folder">Where to write.</param>
    /// <param name="model">The model.</param>
    /// <param name="coder">The coder.</param>
    /// <param name="pictures">The pictures.</param>
    /// <param name="reading">What the coder read on them.</param>
    /// <param name="found">The features to draw, per picture.</param>
    /// <param name="existing">Whether files that are there may be replaced.</param>
    /// <param name="origin">What the report says at its end about model, coder and command.</param>
    /// <returns>The files, the report first.</returns>
    public static IReadOnlyList<string> Write(string folder, HookedModel model, CoderCard coder, PictureBatch pictures, FeatureReading reading,
        IReadOnlyList<IReadOnlyList<FeatureFiring>> found, ExistingFile existing, string origin = "")
    {
        var report = new HtmlReport($"Features of {model.Card.Name}");
        report.Note($"{coder.Architecture} with {coder.Features} features on {coder.Origin.HookName}. Colours are activations; one scale per picture, so its features can be compared.");
        if (!reading.OnPicture) report.Note("The coder reads no tokens that lie on the picture, so its features have no maps.");
        var files = new List<string> { Path.Combine(folder, "report.html") };
        var stems = FileStems.Of(pictures.Names);
        for (var k = 0; k < pictures.Names.Count; k++)
        {
            var sheet = Sheet(pictures.Pictures[k], found[k], feature => reading.OnPicture ? reading.Map(k, feature, pictures.Geometries[k]) : null, stems[k]);
            files.Add(Path.Combine(folder, $"{stems[k]}.features.png"));
            sheet.Save(files[^1], existing);
            report.Section(stems[k]).Pictures([(sheet, pictures.Names[k])]);
        }
        if (origin.Length > 0) report.Section("Where this comes from").Note(origin);
        report.Save(files[0], existing);
        return files;
    }

    /// <summary>A picture beside the maps of features on it.</summary>
    public static RgbImage Sheet(RgbImage picture, IReadOnlyList<FeatureFiring> features, Func<int, Heatmap?> map, string title, Func<int, string>? caption = null)
    {
        var tiles = new List<HeatmapTile> { new("picture", picture, null) };
        tiles.AddRange(features.Select(feature => new HeatmapTile(caption?.Invoke(feature.Feature) ?? $"feature {feature.Feature}", picture, map(feature.Feature))));
        return HeatmapPicture.Sheet(tiles, new HeatmapStyle { Side = 200, Label = "activation" }, title: title);
    }
}
