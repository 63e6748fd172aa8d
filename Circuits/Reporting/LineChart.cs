using System.Globalization;
using System.Net;
using System.Text;

namespace Prisma.Circuits;

/// <summary>One line of a chart: its name and points from left to right; points that are not finite are left out.</summary>
/// <param name="Name">The name in the legend.</param>
/// <param name="Points">Where it goes.</param>
public sealed record ChartLine(string Name, IReadOnlyList<(double X, double Y)> Points);

/// <summary>
/// Lines over a common axis as a drawing for a page. Colours are those of Okabe and Ito, which colour-blind people can tell apart; after the eighth line the
/// dashes change. The vertical axis is logarithmic where all values are positive and span more than two decades.
/// </summary>
public static class LineChart
{
    private const int Width = 820, Height = 300, Left = 78, Right = 20, Top = 16, Bottom = 46, LegendRow = 20, LegendColumn = 256;
    private const int MostPoints = 400;
    private const double LogAbove = 100;

    private static readonly string[] s_colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A7F00", "#7F7F7F"];
    private static readonly string[] s_dashes = ["", "7 4", "2 3", "10 3 2 3"];

    /// <summary>The drawing; text and grid follow the page's colours.</summary>
    /// <param name="lines">The lines; their order decides the colours.</param>
    /// <param name="across">What the horizontal axis shows.</param>
    /// <param name="up">What the vertical axis shows, with its unit.</param>
    public static string Svg(IReadOnlyList<ChartLine> lines, string across, string up)
    {
        ArgumentNullException.ThrowIfNull(lines);
        var drawn = lines.Select(line => line with { Points = Thinned([.. line.Points.Where(point => double.IsFinite(point.X) && double.IsFinite(point.Y))]) }).ToList();
        var all = drawn.SelectMany(line => line.Points).ToList();
        var legend = (lines.Count + 2) / 3 * LegendRow + 6;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {Height + legend}\" role=\"img\" aria-label=\"{Escaped(up)} over {Escaped(across)}\" font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"currentColor\">\n");
        if (all.Count == 0) return svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Width / 2}\" y=\"{Height / 2}\" text-anchor=\"middle\">nothing was measured yet</text></svg>").ToString();
        var x = ChartScale.Linear(all.Min(point => point.X), all.Max(point => point.X), Left, Width - Right, wholeNumbers: true);
        var (low, high) = (all.Min(point => point.Y), all.Max(point => point.Y));
        var y = low > 0 && high / low > LogAbove ? ChartScale.Logarithmic(low, high, Height - Bottom, Top) : ChartScale.Linear(low, high, Height - Bottom, Top, wholeNumbers: false);
        foreach (var tick in y.Ticks)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{y.At(tick):f1}\" y2=\"{y.At(tick):f1}\" stroke=\"currentColor\" stroke-opacity=\".15\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left - 8}\" y=\"{y.At(tick) + 4.5:f1}\" text-anchor=\"end\">{ChartScale.Said(tick)}</text>\n");
        }
        foreach (var tick in x.Ticks)
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x.At(tick):f1}\" x2=\"{x.At(tick):f1}\" y1=\"{Height - Bottom}\" y2=\"{Height - Bottom + 5}\" stroke=\"currentColor\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x.At(tick):f1}\" y=\"{Height - Bottom + 19}\" text-anchor=\"middle\">{tick:n0}</text>\n");
        }
        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Height - Bottom}\" y2=\"{Height - Bottom}\" stroke=\"currentColor\" stroke-opacity=\".7\"/>\n");
        for (var k = 0; k < drawn.Count; k++) Line(svg, drawn[k], k, x, y, legendTop: Height + 6);
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 8}\" text-anchor=\"middle\">{Escaped(across)}</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text transform=\"translate(15 {(Top + Height - Bottom) / 2}) rotate(-90)\" text-anchor=\"middle\">{Escaped(up)}{(y.IsLogarithmic ? " (log scale)" : "")}</text>\n</svg>");
        return svg.ToString();
    }

    private static void Line(StringBuilder svg, ChartLine line, int number, ChartScale x, ChartScale y, int legendTop)
    {
        var (colour, dash) = (s_colours[number % s_colours.Length], s_dashes[number / s_colours.Length % s_dashes.Length]);
        var style = $"stroke=\"{colour}\" stroke-width=\"2\" fill=\"none\"{(dash.Length > 0 ? $" stroke-dasharray=\"{dash}\"" : "")}";
        if (line.Points.Count == 1)
            svg.Append(CultureInfo.InvariantCulture, $"<circle cx=\"{x.At(line.Points[0].X):f1}\" cy=\"{y.At(line.Points[0].Y):f1}\" r=\"3\" fill=\"{colour}\"><title>{Escaped(line.Name)}</title></circle>\n");
        else if (line.Points.Count > 1)
            svg.Append("<polyline points=\"").AppendJoin(' ', line.Points.Select(point => string.Create(CultureInfo.InvariantCulture, $"{x.At(point.X):f1},{y.At(point.Y):f1}")))
                .Append("\" ").Append(style).Append("><title>").Append(Escaped(line.Name)).Append("</title></polyline>\n");
        var (left, top) = (Left + number % 3 * LegendColumn, legendTop + number / 3 * LegendRow + 8);
        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{left}\" x2=\"{left + 26}\" y1=\"{top}\" y2=\"{top}\" {style}/><text x=\"{left + 33}\" y=\"{top + 4.5:f1}\">{Escaped(Short(line.Name))}</text>\n");
    }

    private static IReadOnlyList<(double X, double Y)> Thinned(IReadOnlyList<(double X, double Y)> points) => points.Count <= MostPoints
        ? points
        : [.. Enumerable.Range(0, MostPoints).Select(k => points[(int)((long)k * (points.Count - 1) / (MostPoints - 1))])];

    private static string Short(string name) => name.Length <= 30 ? name : $"{name[..14]}…{name[^15..]}";

    private static string Escaped(string text) => WebUtility.HtmlEncode(text);
}
