using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>Writes the maps of several methods on several clips: a video and a sheet each, and one report.</summary>
public static class AttributionClips
{
    private const int Side = 220;

    /// <summary>Draws everything into a folder, which is made where it is missing.</summary>
    /// <param name="folder">Where to write.</param>
    /// <param name="model">The model that was asked.</param>
    /// <param name="clips">The clips.</param>
    /// <param name="maps">For each method, one map per clip.</param>
    /// <param name="existing">Whether files that are there may be replaced.</param>
    /// <param name="origin">What the report says at its end about model, coder and command.</param>
    /// <returns>The files, the report first.</returns>
    public static IReadOnlyList<string> Write(string folder, HookedModel model, IReadOnlyList<Clip> clips, IReadOnlyList<IReadOnlyList<AttributionMap>> maps, ExistingFile existing, string origin = "")
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(clips);
        ArgumentNullException.ThrowIfNull(maps);
        if (maps.Count == 0) throw new PrismaException("No method applies to this model, so there is nothing to draw.");
        var stems = FileStems.Of([.. clips.Select(clip => clip.Name)]);
        var report = new HtmlReport($"What {model.Card.Name} looks at");
        report.Note($"{model.Card.Family}, {model.ParameterCount:n0} weights. A map shows raw values of its method over space and time; colours are scaled for each map alone. Beside each sheet lies a video.");
        var files = new List<string> { Path.Combine(folder, "report.html") };
        for (var k = 0; k < clips.Count; k++)
        {
            var target = maps.Select(method => method[k]).FirstOrDefault(map => map.UsesTarget) is { } asked ? $"{asked.Target}, which scores {asked.Score:f2}" : "no target";
            report.Section($"{stems[k]}: {target}")
                .Text($"{clips[k].Frames.Count} frames of {clips[k].VideoFrames}: {string.Join(", ", clips[k].Indices)}.")
                .Pictures([(ClipDrawing.Plain(clips[k], Side), "What the model sees, without a map.")]);
            foreach (var map in maps.Select(method => method[k]))
            {
                var style = new HeatmapStyle { Side = Side, Label = map.Meaning };
                var stem = Path.Combine(folder, $"{stems[k]}.{map.Method}");
                var sheet = ClipDrawing.Sheet(clips[k], map.Heatmap, style, map.UsesTarget ? $"{map.Method}: {map.Target}" : $"{map.Method}, the same for every class");
                sheet.Save(stem + ".png", existing);
                ClipDrawing.Write(stem + ".mp4", clips[k], map.Heatmap, existing: existing);
                files.AddRange([stem + ".png", stem + ".mp4"]);
                report.Pictures([(sheet, $"{map.Method}, read at {map.Place}. {map.Note}")]);
            }
        }
        if (origin.Length > 0) report.Section("Where this comes from").Note(origin);
        report.Save(files[0], existing);
        return files;
    }
}
