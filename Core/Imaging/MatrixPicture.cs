namespace Prisma.Core;

/// <summary>
/// A table of numbers as a picture: one coloured square per entry, labels at the rows and columns, a legend with what the numbers are.
/// Symmetric around 0 with a diverging map where a number is negative.
/// </summary>
public static class MatrixPicture
{
    private const int Margin = 16, TextSize = 13, TitleSize = 16, LongestSide = 4096;

    /// <summary>Draws the table. NaN entries stay white.</summary>
    /// <param name="values">[rows, columns].</param>
    /// <param name="rows">Labels of the rows.</param>
    /// <param name="columns">Labels of the columns; those that would overlap are left out.</param>
    /// <param name="title">What is shown.</param>
    /// <param name="unit">What the numbers are, for the legend.</param>
    /// <exception cref="ShapeException">Labels and numbers do not fit, or the table is too large for a picture.</exception>
    public static RgbImage Draw(double[,] values, IReadOnlyList<string> rows, IReadOnlyList<string> columns, string title, string unit)
    {
        var range = RangeOf(values, rows, columns);
        var colours = range.Signed ? Colormap.BlueOrange : Colormap.Viridis;
        var cell = Math.Clamp(720 / Math.Max(rows.Count, columns.Count), 6, 34);
        if (Math.Max(rows.Count, columns.Count) * cell > LongestSide) throw new ShapeException($"A table of {rows.Count}×{columns.Count} is too large for a picture; choose fewer rows or columns.");
        var left = Margin + rows.Max(label => Canvas.TextWidth(label, TextSize)) + 8;
        var legend = new HeatmapLegend(colours, range, false, false, new HeatmapStyle { Label = unit, TextSize = TextSize }, false);
        var width = Math.Max(left + columns.Count * cell + Margin, 420);
        var titles = Canvas.Lines(title, TitleSize, width - 2 * Margin);
        var top = Margin + titles.Count * Canvas.LineHeight(TitleSize) + Canvas.LineHeight(TextSize) + 4;
        var height = top + rows.Count * cell + Margin + legend.Height(width - 2 * Margin) + Margin;
        using var canvas = new Canvas(width, height);
        for (var k = 0; k < titles.Count; k++) canvas.Text(titles[k], Margin, Margin + k * Canvas.LineHeight(TitleSize), TitleSize, Canvas.Ink);
        var free = left;
        for (var c = 0; c < columns.Count; c++)
        {
            var (x, wide) = (left + c * cell, Canvas.TextWidth(columns[c], TextSize));
            if (c > 0 && x + (cell - wide) / 2 < free) continue;
            canvas.Text(columns[c], x + (cell - wide) / 2, top - Canvas.LineHeight(TextSize) - 2, TextSize, Canvas.Ink);
            free = x + (cell + wide) / 2 + 8;
        }
        var every = Math.Max(1, (Canvas.LineHeight(TextSize) + cell - 1) / cell);
        for (var r = 0; r < rows.Count; r++)
        {
            if (r % every == 0)
                canvas.Text(rows[r], left - 8 - Canvas.TextWidth(rows[r], TextSize), top + r * cell + (cell - Canvas.LineHeight(TextSize)) / 2, TextSize, Canvas.Ink);
            for (var c = 0; c < columns.Count; c++)
                if (!double.IsNaN(values[r, c])) canvas.Fill(left + c * cell, top + r * cell, cell - 1, cell - 1, colours[range.Position((float)values[r, c])]);
        }
        legend.Draw(canvas, Margin, top + rows.Count * cell + Margin, width - 2 * Margin);
        return canvas.ToImage();
    }

    /// <summary>The range of a table: symmetric around 0 where a number is negative.</summary>
    /// <exception cref="ShapeException">Labels and numbers do not fit.</exception>
    public static HeatmapRange RangeOf(double[,] values, IReadOnlyList<string> rows, IReadOnlyList<string> columns)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(columns);
        if (values.GetLength(0) != rows.Count || values.GetLength(1) != columns.Count || values.Length == 0)
            throw new ShapeException($"A table of [{values.GetLength(0)}, {values.GetLength(1)}] has {rows.Count} row and {columns.Count} column labels.");
        var numbers = values.Cast<double>().Where(double.IsFinite).ToList();
        var (low, high) = numbers.Count == 0 ? (0, 0) : (numbers.Min(), numbers.Max());
        var end = (float)Math.Max(Math.Abs(low), Math.Abs(high));
        return low < 0 ? new HeatmapRange(-end, end, true) : new HeatmapRange((float)low, (float)high, false);
    }
}
