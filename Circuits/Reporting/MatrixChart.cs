using System.Globalization;
using System.Net;
using System.Text;
using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>A table of numbers as a drawing: coloured squares that say their number when pointed at, labels, a legend with the unit.</summary>
public static class MatrixChart
{
    private const int TitleHeight = 40, Margin = 12, LegendHeight = 54;

    /// <summary>The drawing; it stands alone and fits into a page.</summary>
    /// <param name="values">[rows, columns]; NaN entries are left out.</param>
    /// <param name="rows">Labels of the rows.</param>
    /// <param name="columns">Labels of the columns.</param>
    /// <param name="title">What is shown.</param>
    /// <param name="unit">What the numbers are.</param>
    /// <param name="titled">Whether the title is written above; a page has it as a heading already.</param>
    /// <exception cref="ShapeException">Labels and numbers do not fit.</exception>
    public static string Svg(double[,] values, IReadOnlyList<string> rows, IReadOnlyList<string> columns, string title, string unit, bool titled = true)
    {
        var top = titled ? TitleHeight : 0;
        var range = MatrixPicture.RangeOf(values, rows, columns);
        var colours = range.Signed ? Colormap.BlueOrange : Colormap.Viridis;
        var cell = Math.Clamp(720 / Math.Max(rows.Count, columns.Count), 6, 34);
        var left = Margin + 8 * rows.Max(label => label.Length) + 6;
        int[] wide = [left + columns.Count * cell + Margin, 2 * Margin + (titled ? TextWidth.Of(title, 15) : 0), 2 * Margin + TextWidth.Of(unit, 12), 420];
        var (width, height) = (wide.Max(), top + 22 + rows.Count * cell + LegendHeight + Margin);
        var svg = new StringBuilder();
        Add(svg, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{Escaped(title)}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#26262c\">\n");
        Add(svg, $"<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n");
        if (titled) Add(svg, $"<text x=\"{Margin}\" y=\"24\" font-size=\"15\">{Escaped(title)}</text>\n");
        var (everyColumn, everyRow) = (Math.Max(1, (8 * columns.Max(label => label.Length) + cell - 1) / cell), Math.Max(1, (13 + cell - 1) / cell));
        for (var c = 0; c < columns.Count; c += everyColumn)
            Add(svg, $"<text x=\"{left + (c + 0.5) * cell:f1}\" y=\"{top + 14}\" text-anchor=\"middle\">{Escaped(columns[c])}</text>\n");
        for (var r = 0; r < rows.Count; r++)
        {
            var y = top + 20 + r * cell;
            if (r % everyRow == 0) Add(svg, $"<text x=\"{left - 6}\" y=\"{y + cell / 2.0 + 4:f1}\" text-anchor=\"end\">{Escaped(rows[r])}</text>\n");
            for (var c = 0; c < columns.Count; c++)
                if (!double.IsNaN(values[r, c]))
                    Add(svg, $"<rect x=\"{left + c * cell}\" y=\"{y}\" width=\"{cell - 1}\" height=\"{cell - 1}\" fill=\"{Hex(colours[range.Position((float)values[r, c])])}\"><title>{Escaped(rows[r])}, {Escaped(columns[c])}: {values[r, c]:g4}</title></rect>\n");
        }
        Legend(svg, colours, range, unit, top + 30 + rows.Count * cell);
        return svg.Append("</svg>\n").ToString();
    }

    private static void Legend(StringBuilder svg, Colormap colours, HeatmapRange range, string unit, int y)
    {
        for (var k = 0; k < 100; k++) Add(svg, $"<rect x=\"{Margin + 2 * k}\" y=\"{y}\" width=\"2.2\" height=\"10\" shape-rendering=\"crispEdges\" fill=\"{Hex(colours[k / 99.0])}\"/>");
        Add(svg, $"<text x=\"{Margin}\" y=\"{y + 24}\">{range.Low:g3}</text><text x=\"{Margin + 200}\" y=\"{y + 24}\" text-anchor=\"end\">{range.High:g3}</text>");
        if (range.Signed) Add(svg, $"<text x=\"{Margin + 100}\" y=\"{y + 24}\" text-anchor=\"middle\">0</text>");
        Add(svg, $"<text x=\"{Margin}\" y=\"{y + 40}\" fill=\"#696970\">{Escaped(unit)}</text>\n");
    }

    private static string Hex((byte R, byte G, byte B) colour) => $"#{colour.R:x2}{colour.G:x2}{colour.B:x2}";

    private static void Add(StringBuilder svg, FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture));

    private static string Escaped(string text) => WebUtility.HtmlEncode(text);
}
