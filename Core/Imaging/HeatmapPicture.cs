namespace Prisma.Core;

/// <summary>Draws heatmaps over pictures, alone or side by side, with captions and a legend in numbers.</summary>
public static class HeatmapPicture
{
    private const int Margin = 14;
    private const int Gap = 16;

    /// <summary>The colours over the picture, without any text; as large as the style's side.</summary>
    /// <param name="picture">The original picture; null: the colours alone.</param>
    /// <param name="map">The heatmap.</param>
    /// <param name="style">Null: the defaults.</param>
    /// <param name="frame">Time step of the grid.</param>
    /// <exception cref="ShapeException">The picture has not the size that the heatmap's geometry names.</exception>
    /// <exception cref="OptionsException">The style is out of range.</exception>
    public static RgbImage Overlay(RgbImage? picture, Heatmap map, HeatmapStyle? style = null, int frame = 0)
    {
        ArgumentNullException.ThrowIfNull(map);
        style = Checked(style);
        return HeatmapOverlay.Draw(picture, map, frame, style, style.Range ?? HeatmapRange.Fitting(map));
    }

    /// <summary>The same with a caption above and a legend below.</summary>
    /// <inheritdoc cref="Overlay"/>
    public static RgbImage Draw(RgbImage? picture, Heatmap map, HeatmapStyle? style = null, string caption = "", int frame = 0) =>
        Sheet([new HeatmapTile(caption, picture, map, frame)], style);

    /// <summary>Several pictures side by side, each with its caption.</summary>
    /// <param name="tiles">From left to right, then downwards.</param>
    /// <param name="style">Null: the defaults.</param>
    /// <param name="columns">Tiles per row; 0 chooses, up to four.</param>
    /// <param name="title">A line above everything; may be empty.</param>
    /// <param name="scales">Whether one range holds for all.</param>
    /// <exception cref="ShapeException">A picture has not the size that its heatmap's geometry names, or there is no tile.</exception>
    /// <exception cref="OptionsException">The style is out of range.</exception>
    public static RgbImage Sheet(
        IReadOnlyList<HeatmapTile> tiles, HeatmapStyle? style = null, int columns = 0, string title = "", HeatmapScales scales = HeatmapScales.Common)
    {
        ArgumentNullException.ThrowIfNull(tiles);
        if (tiles.Count == 0) throw new ShapeException("A sheet needs at least one picture.");
        style = Checked(style);
        if (columns < 1) columns = Math.Min(tiles.Count, tiles.Count == 5 || tiles.Count == 6 ? 3 : 4);

        Heatmap[] maps = [.. tiles.Select(tile => tile.Map).OfType<Heatmap>()];
        var common = maps.Length == 0 ? null : style.Range ?? HeatmapRange.Fitting(maps);
        Tile[] drawn = [.. tiles.Select(tile => DrawTile(tile, style, scales == HeatmapScales.Common ? common : null))];
        var below = scales == HeatmapScales.Common && maps.Length > 0 ? Legend(maps, common!, style) : null;
        return Arrange(drawn, columns, style, title, below);
    }

    private static RgbImage Arrange(Tile[] tiles, int columns, HeatmapStyle style, string title, HeatmapLegend? below)
    {
        var size = style.TextSize;
        var rows = (tiles.Length + columns - 1) / columns;
        columns = Math.Min(columns, tiles.Length);
        var cell = Math.Max(tiles.Max(tile => tile.Image.Width), Math.Min(style.Side, 160));
        var width = 2 * Margin + columns * cell + (columns - 1) * Gap;
        var titles = Canvas.Lines(title, size + 4, width - 2 * Margin);
        var titleHeight = titles.Count == 0 ? 0 : titles.Count * Canvas.LineHeight(size + 4) + 6;
        var heights = new (int Caption, int Image, int Legend)[rows];
        for (var row = 0; row < rows; row++)
        {
            var inRow = tiles.Skip(row * columns).Take(columns).ToArray();
            heights[row] = (
                inRow.Max(tile => Canvas.Lines(tile.Caption, size, cell).Count) * Canvas.LineHeight(size),
                inRow.Max(tile => tile.Image.Height),
                inRow.Max(tile => tile.Legend is null ? 0 : tile.Legend.Height(cell) + 8));
        }

        var legendWidth = Math.Min(width - 2 * Margin, Math.Max(cell, 2 * style.Side));
        var belowHeight = below is null ? 0 : below.Height(legendWidth) + 10;
        var height = 2 * Margin + titleHeight + heights.Sum(h => h.Caption + h.Image + h.Legend) + (rows - 1) * Gap + belowHeight;

        using var canvas = new Canvas(width, height);
        var y = Margin;
        foreach (var line in titles)
        {
            canvas.Text(line, Margin, y, size + 4, Canvas.Ink);
            y += Canvas.LineHeight(size + 4);
        }

        y = Margin + titleHeight;
        for (var i = 0; i < tiles.Length; i++)
        {
            var (row, tile) = (i / columns, tiles[i]);
            var x = Margin + i % columns * (cell + Gap);
            var at = y;
            foreach (var line in Canvas.Lines(tile.Caption, size, cell))
            {
                canvas.Text(line, x, at, size, Canvas.Ink);
                at += Canvas.LineHeight(size);
            }

            canvas.Put(tile.Image, x, y + heights[row].Caption);
            tile.Legend?.Draw(canvas, x, y + heights[row].Caption + heights[row].Image + 8, cell);
            if (i % columns == columns - 1) y += heights[row].Caption + heights[row].Image + heights[row].Legend + Gap;
        }

        below?.Draw(canvas, Margin, height - Margin - belowHeight + 10, legendWidth);
        return canvas.ToImage();
    }

    private static Tile DrawTile(HeatmapTile tile, HeatmapStyle style, HeatmapRange? common)
    {
        if (tile.Map is { } map)
        {
            var range = common ?? style.Range ?? HeatmapRange.Fitting(map);
            return new Tile(tile.Caption, HeatmapOverlay.Draw(tile.Picture, map, tile.Frame, style, range), common is null ? Legend([map], range, style) : null);
        }

        var picture = tile.Picture ?? throw new ShapeException($"The tile '{tile.Caption}' has neither picture nor heatmap.");
        var (width, height) = HeatmapOverlay.Fit(picture.Width, picture.Height, style.Side);
        return new Tile(tile.Caption, picture.Resize(width, height, ResizeFilter.Lanczos), null);
    }

    private static HeatmapLegend Legend(Heatmap[] maps, HeatmapRange range, HeatmapStyle style)
    {
        var all = HeatmapRange.MinMax(maps);
        return new HeatmapLegend(
            style.Colours ?? HeatmapOverlay.Default(range), range, all.Low < range.Low, all.High > range.High, style, maps.Any(HasUnseen));
    }

    private static bool HasUnseen(Heatmap map)
    {
        var (left, top) = map.Geometry.ToModel(0, 0);
        var (right, bottom) = map.Geometry.ToModel(map.Geometry.OriginalWidth, map.Geometry.OriginalHeight);
        const double Slack = 0.5;
        return left < -Slack || top < -Slack || right > map.Layout.Columns * map.Layout.PatchWidth + Slack || bottom > map.Layout.Rows * map.Layout.PatchHeight + Slack;
    }

    private static HeatmapStyle Checked(HeatmapStyle? style)
    {
        style ??= new HeatmapStyle();
        style.Validate();
        return style;
    }

    private sealed record Tile(string Caption, RgbImage Image, HeatmapLegend? Legend);
}
