using System.Globalization;
using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>A page of features with the pictures that excite them most; where they fire is drawn on the pictures.</summary>
public static class CataloguePage
{
    /// <summary>Draws the page. Pictures are read again from their files, one feature at a time.</summary>
    /// <param name="title">What the features belong to.</param>
    /// <param name="catalogue">What was gathered.</param>
    /// <param name="features">Which features, in order.</param>
    /// <param name="picture">Loads a picture by its name, and how the model's view lies on it.</param>
    /// <param name="shown">Pictures per feature.</param>
    /// <param name="side">Pixels per picture.</param>
    public static HtmlReport Draw(string title, FeatureCatalogue catalogue, IReadOnlyList<int> features, Func<string, (RgbImage Picture, ImageGeometry Geometry)> picture, int shown = 6, int side = 128)
    {
        ArgumentNullException.ThrowIfNull(catalogue);
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(picture);
        var page = new HtmlReport(title);
        var silent = catalogue.Features.Count(tally => tally.Fires == 0);
        page.Note($"{catalogue.Features.Count:n0} features over {catalogue.Pictures.Count:n0} pictures ({catalogue.Rows:n0} vectors); {silent:n0} never fired. Shown are {features.Count}; unless they were named, those that write most into the stream among features that fire on at most 10 % of the vectors.");
        page.Note(catalogue.Layout is null ? "The coder reads no tokens that lie on the picture, so there are no maps." : "Colours are activations; one scale per feature, so its pictures can be compared. Above each picture: the largest activation on it.");
        page.Section("Overview").Table(["feature", "fires on (share of vectors)", "pictures", "mean", "median", "90 %", "largest", "energy"], features.Select(feature =>
        {
            var tally = catalogue.Features[feature];
            return new[]
            {
                $"{feature}", catalogue.Density(feature).ToString("p2", CultureInfo.InvariantCulture), $"{tally.Pictures}", Number(tally.Mean), Number(tally.Histogram.Quantile(.5)), Number(tally.Histogram.Quantile(.9)),
                Number(tally.Highest), Number(catalogue.Energy(feature)),
            };
        }));
        page.Note("Mean, median and 90 % are of activations that are not zero. Energy: the squared length of what the feature writes, mean over all vectors.");
        foreach (var feature in features)
        {
            var tally = catalogue.Features[feature];
            var (plain, maps) = Tiles(catalogue, tally.Examples.Take(shown), picture);
            if (plain.Count == 0)
            {
                page.Section($"Feature {feature}").Text("Never fired.");
                continue;
            }
            var sheet = HeatmapPicture.Sheet([.. plain, .. maps], new HeatmapStyle { Side = side, Label = "activation" }, columns: plain.Count);
            page.Section($"Feature {feature}").Text($"Fires on {catalogue.Density(feature).ToString("p2", CultureInfo.InvariantCulture)} of the vectors and on {tally.Pictures:n0} of {catalogue.Pictures.Count:n0} pictures.")
                .Pictures([(sheet, string.Join(", ", tally.Examples.Take(shown).Select(example => Path.GetFileName(catalogue.Pictures[example.Picture]))))]);
        }
        return page;
    }

    // The pictures alone first: a map hides colours.
    private static (List<HeatmapTile> Plain, List<HeatmapTile> Maps) Tiles(FeatureCatalogue catalogue, IEnumerable<FeatureExample> examples, Func<string, (RgbImage, ImageGeometry)> picture)
    {
        var (plain, maps) = (new List<HeatmapTile>(), new List<HeatmapTile>());
        foreach (var example in examples)
        {
            var (image, geometry) = picture(catalogue.Pictures[example.Picture]);
            plain.Add(new HeatmapTile(example.Highest.ToString("g3", CultureInfo.InvariantCulture), image, null));
            if (catalogue.Layout is not null) maps.Add(new HeatmapTile("", image, catalogue.Map(example, geometry)));
        }
        return (plain, maps);
    }

    private static string Number(double value) => EvaluationPage.Number(value);
}
