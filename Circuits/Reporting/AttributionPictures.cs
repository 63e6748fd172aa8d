using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>Writes the maps of several methods on several pictures: a drawing each, a sheet per picture, one report.</summary>
public static class AttributionPictures
{
    /// <summary>Draws everything into a folder, which is made where it is missing.</summary>
    /// <param name="folder">Where to write.</param>
    /// <param name="model">The model that was asked.</param>
    /// <param name="pictures">The pictures.</param>
    /// <param name="maps">For each method, one map per picture.</param>
    /// <param name="existing">Whether files that are there may be replaced.</param>
    /// <param name="origin">What the report says at its end about model, coder and command.</param>
    /// <returns>The files, the report first.</returns>
    public static IReadOnlyList<string> Write(string folder, HookedModel model, PictureBatch pictures, IReadOnlyList<IReadOnlyList<AttributionMap>> maps, ExistingFile existing,
        string origin = "")
    {
        if (maps.Count == 0) throw new PrismaException("No method applies to this model, so there is nothing to draw.");
        var stems = FileStems.Of(pictures.Names);
        var report = new HtmlReport($"What {model.Card.Name} looks at");
        report.Note($"{model.Card.Family}, {model.ParameterCount:n0} weights. A map shows raw values of its method; colours are scaled for each map alone. Places outside the model's view are dimmed.");
        var files = new List<string> { Path.Combine(folder, "report.html") };
        var drawings = new List<(string File, RgbImage Picture)>();
        for (var k = 0; k < pictures.Names.Count; k++)
        {
            var tiles = new List<HeatmapTile> { new("picture", pictures.Pictures[k], null) };
            tiles.AddRange(maps.Select(method => new HeatmapTile(method[k].Method, pictures.Pictures[k], method[k].Heatmap)));
            var sheet = HeatmapPicture.Sheet(tiles, new HeatmapStyle { Side = 256 }, title: $"{stems[k]}: {Target(maps, k)}. {Reading([.. maps.Select(method => method[k])])}", scales: HeatmapScales.Each);
            drawings.Add((Path.Combine(folder, $"{stems[k]}.sheet.png"), sheet));
            drawings.AddRange(maps.Select(method => (Path.Combine(folder, $"{stems[k]}.{method[k].Method}.png"),
                HeatmapPicture.Draw(pictures.Pictures[k], method[k].Heatmap, new HeatmapStyle { Label = method[k].Meaning }, $"{method[k].Method}: {method[k].Target}"))));
            report.Section($"{stems[k]}: {Target(maps, k)}").Pictures([(sheet, pictures.Names[k])])
                .Table(["method", "read at", "what a value is", "remark"], maps.Select(method => new[] { method[k].Method, method[k].Place, method[k].Meaning, method[k].Note }));
        }
        foreach (var (file, picture) in drawings)
        {
            picture.Save(file, existing);
            files.Add(file);
        }
        if (origin.Length > 0) report.Section("Where this comes from").Note(origin);
        report.Save(files[0], existing);
        return files;
    }

    // What the colours of a sheet say.
    private static string Reading(IReadOnlyList<AttributionMap> maps) => string.Join(" ", new[]
    {
        maps.Any(map => map.Signed) ? "Orange speaks for it, blue against." : "",
        maps.Any(map => !map.Signed) ? "Maps from dark to yellow say how much, not which way." : "",
    }.Where(sentence => sentence.Length > 0));

    private static string Target(IReadOnlyList<IReadOnlyList<AttributionMap>> maps, int picture) =>
        maps.Select(method => method[picture]).FirstOrDefault(map => map.UsesTarget) is { } asked ? $"{asked.Target}, which scores {asked.Score:f2}" : "no target";
}
