using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>Draws a heatmap over a clip: as a video of every frame between the first and the last that the model saw, and as a sheet of those it saw.</summary>
public static class ClipDrawing
{
    private const double UnknownRate = 10;  // frames per second of a folder of pictures
    private const int MostTiles = 16;

    /// <summary>Writes an MP4. Between time steps the values are interpolated, between chosen frames the time; one scale holds for all frames.</summary>
    /// <param name="path">Where.</param>
    /// <param name="clip">The clip; its file is read again, frame by frame.</param>
    /// <param name="map">The heatmap over the clip.</param>
    /// <param name="style">Null: the defaults.</param>
    /// <param name="existing">Whether a file that is there may be replaced.</param>
    public static void Write(string path, Clip clip, Heatmap map, HeatmapStyle? style = null, ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(map);
        style = Scaled(map, style);
        using var source = FrameSource.Open(clip.Name);
        VideoFile.Write(path, Frames(source, clip, map, style), source.Rate > 0 ? source.Rate : UnknownRate, existing);
    }

    /// <summary>The chosen frames side by side, each with the map at its moment; of many frames sixteen, evenly chosen.</summary>
    public static RgbImage Sheet(Clip clip, Heatmap map, HeatmapStyle? style = null, string title = "")
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(map);
        return HeatmapPicture.Sheet([.. Shown(clip).Select(k => new HeatmapTile(Caption(clip, k), clip.Frames[k], map.AtFrame(k)))], Scaled(map, style), title: title);
    }

    /// <summary>The same frames with nothing over them: a map hides colours.</summary>
    public static RgbImage Plain(Clip clip, int side)
    {
        ArgumentNullException.ThrowIfNull(clip);
        return HeatmapPicture.Sheet([.. Shown(clip).Select(k => new HeatmapTile(Caption(clip, k), clip.Frames[k], null))], new HeatmapStyle { Side = side });
    }

    private static IEnumerable<int> Shown(Clip clip)
    {
        var shown = Math.Min(MostTiles, clip.Frames.Count);
        return Enumerable.Range(0, shown).Select(k => k * clip.Frames.Count / shown);
    }

    /// <summary>A frame's number and, where the video has a rate, its time.</summary>
    public static string Caption(Clip clip, int chosen)
    {
        ArgumentNullException.ThrowIfNull(clip);
        var index = clip.Indices[chosen];
        return clip.Rate > 0 ? $"frame {index}, {index / clip.Rate:f2} s" : $"frame {index}";
    }

    private static IEnumerable<RgbImage> Frames(FrameSource source, Clip clip, Heatmap map, HeatmapStyle style)
    {
        var chosen = 0;
        for (var index = clip.Indices[0]; index <= clip.Indices[^1]; index++)
        {
            while (chosen + 1 < clip.Indices.Count && clip.Indices[chosen + 1] <= index) chosen++;
            var length = chosen + 1 < clip.Indices.Count ? clip.Indices[chosen + 1] - clip.Indices[chosen] : 1;
            var moment = chosen + (double)(index - clip.Indices[chosen]) / length;
            yield return HeatmapPicture.Overlay(source[index], map.AtFrame(moment), style);
        }
    }

    private static HeatmapStyle Scaled(Heatmap map, HeatmapStyle? style)
    {
        style ??= new HeatmapStyle();
        return style.Range is null ? style with { Range = HeatmapRange.Fitting(map) } : style;
    }
}
