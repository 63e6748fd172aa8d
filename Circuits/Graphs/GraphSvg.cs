using System.Globalization;
using System.Net;
using System.Text;
using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// A graph as a drawing: levels from bottom (input) to top (output), links blue below zero and orange above, as wide as their weight. Every
/// node and link says its numbers when pointed at.
/// </summary>
public static class GraphSvg
{
    private const int Step = 62, RowHeight = 92, MoreHeight = 40, InRow = 16, Left = 190, Margin = 30, Side = 46, NodeHeight = 24, LegendHeight = 56;
    private const string LegendText = "weight of a link, in units of the target; dashed: what no feature explains";

    /// <summary>The drawing; it stands alone.</summary>
    public static string Draw(CircuitGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var levels = graph.Nodes.Select((node, k) => (node, k)).GroupBy(pair => pair.node.Level).OrderByDescending(group => group.Key).ToList();
        // A level of many nodes takes several rows, so that the drawing stays as wide as a page.
        List<(int Level, int[] Nodes)> rows = [.. levels.SelectMany((level, index) => level.OrderBy(pair => pair.node.Token ?? -1).Select(pair => pair.k).Chunk(InRow).Select(nodes => (index, nodes)))];
        var widest = rows.Count == 0 ? 1 : rows.Max(row => row.Nodes.Length);
        int[] wide = [Left + Math.Max(6, widest) * Step + Margin, 2 * Margin + TextWidth.Of(graph.Title, 16), 2 * Margin + 206 + Math.Max(TextWidth.Of(LegendText, 12), TextWidth.Of($"of a node: {graph.ValueMeaning}", 12))];
        var width = wide.Max();
        var places = new (double X, double Y)[graph.Nodes.Count];
        var (heights, below) = (new double[levels.Count], Margin + 30 + RowHeight / 2.0);
        for (var row = 0; row < rows.Count; row++)
        {
            if (row > 0) below += rows[row].Level == rows[row - 1].Level ? MoreHeight : RowHeight;
            if (row == 0 || rows[row].Level != rows[row - 1].Level) heights[rows[row].Level] = below;
            var first = Left + (width - Left - Margin - rows[row].Nodes.Length * Step) / 2.0;
            for (var column = 0; column < rows[row].Nodes.Length; column++) places[rows[row].Nodes[column]] = (first + (column + 0.5) * Step, below);
        }
        var height = (int)(below + RowHeight / 2.0) + LegendHeight;
        var whole = height + (graph.Links.Count > 0 && graph.ValueMeaning is not null ? LegendHeight - 14 : 0);
        var most = graph.Links.Count == 0 ? 1 : graph.Links.Max(link => Math.Abs(link.Weight));
        var svg = new StringBuilder();
        Add(svg, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {whole}\" width=\"{width}\" height=\"{whole}\" role=\"img\" aria-label=\"{Escaped(graph.Title)}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n");
        Add(svg, $"<rect width=\"{width}\" height=\"{whole}\" fill=\"#ffffff\"/><text x=\"{Margin}\" y=\"{Margin}\" font-size=\"16\" fill=\"#26262c\">{Escaped(graph.Title)}</text>\n");
        foreach (var link in graph.Links.OrderBy(link => Math.Abs(link.Weight)))
        {
            var ((x1, y1), (x2, y2)) = (places[link.Source], places[link.Target]);
            var (top, bottom) = (y2 + NodeHeight / 2.0, y1 - NodeHeight / 2.0);
            // Past the nodes in between rather than through them.
            var aside = Math.Abs(x1 - x2) < Side && y1 - y2 > 1.5 * RowHeight ? Side + 0.06 * (y1 - y2) : 0;
            Add(svg, $"<path d=\"M{x1:f1} {bottom:f1} C{x1 + aside:f1} {(top + bottom) / 2:f1} {x2 + aside:f1} {(top + bottom) / 2:f1} {x2:f1} {top:f1}\" fill=\"none\" stroke=\"{Colour(link.Weight / most)}\" stroke-width=\"{0.6 + 4.4 * Math.Abs(link.Weight) / most:f2}\" stroke-opacity=\".8\">");
            Add(svg, $"<title>{Escaped(graph.Nodes[link.Source].Id)} → {Escaped(graph.Nodes[link.Target].Id)}: {link.Weight:g4}</title></path>\n");
        }
        var highest = graph.Nodes.Count == 0 ? 1 : Math.Max(1e-30, graph.Nodes.Max(node => Math.Abs(node.Value)));
        for (var k = 0; k < graph.Nodes.Count; k++)
        {
            var (node, (x, y)) = (graph.Nodes[k], places[k]);
            var shape = node.Kind == "error" ? "stroke-dasharray=\"3 2\"" : "";
            Add(svg, $"<g><rect x=\"{x - Side / 2.0:f1}\" y=\"{y - NodeHeight / 2.0:f1}\" width=\"{Side}\" height=\"{NodeHeight}\" rx=\"{(node.Kind is "embedding" or "input" ? 0 : 8)}\" fill=\"{(graph.ValueMeaning is null ? "#f3f4f7" : Tint(node.Value / highest))}\" stroke=\"#696970\" {shape}/>");
            Add(svg, $"<text x=\"{x:f1}\" y=\"{y + 4:f1}\" text-anchor=\"middle\" font-size=\"10\" fill=\"#26262c\">{Escaped(node.Label.Length > 8 ? node.Label[..7] + "…" : node.Label)}</text>");
            Add(svg, $"<title>{Escaped(node.Id)}: {Escaped(node.Kind)} at {Escaped(node.Place)}, {node.Value:g4}</title></g>\n");
        }
        for (var row = 0; row < levels.Count; row++)
            Add(svg, $"<text x=\"{Margin}\" y=\"{heights[row] + 4:f1}\" fill=\"#696970\">{Escaped(levels[row].First().node.Place)}</text>\n");
        var legend = height - LegendHeight + 14;
        if (graph.Links.Count > 0) Legend(svg, Margin, legend, most, LegendText, Colour);
        if (graph.ValueMeaning is { } meaning) Legend(svg, Margin, legend + (graph.Links.Count > 0 ? LegendHeight - 14 : 0), highest, $"of a node: {meaning}", Tint);
        return svg.Append("</svg>\n").ToString();
    }

    /// <summary>Writes the drawing.</summary>
    public static void Write(string path, CircuitGraph graph, ExistingFile existing = ExistingFile.Refuse) => AtomicFile.WriteText(path, Draw(graph), existing);

    private static void Legend(StringBuilder svg, int x, int y, double most, string text, Func<double, string> colour)
    {
        for (var k = 0; k < 64; k++) Add(svg, $"<rect x=\"{x + 3 * k}\" y=\"{y}\" width=\"3\" height=\"10\" shape-rendering=\"crispEdges\" fill=\"{colour(k / 31.5 - 1)}\"/>");
        Add(svg, $"<text x=\"{x}\" y=\"{y + 26}\" fill=\"#26262c\">{-most:g3}</text><text x=\"{x + 96}\" y=\"{y + 26}\" text-anchor=\"middle\" fill=\"#26262c\">0</text>");
        Add(svg, $"<text x=\"{x + 192}\" y=\"{y + 26}\" text-anchor=\"end\" fill=\"#26262c\">{most:g3}</text><text x=\"{x + 206}\" y=\"{y + 10}\" fill=\"#696970\">{Escaped(text)}</text>\n");
    }

    // Light enough for dark letters on it.
    private static string Tint(double value)
    {
        var (r, g, b) = Colormap.BlueOrange[0.5 + 0.28 * Math.Clamp(value, -1, 1)];
        return $"#{r:x2}{g:x2}{b:x2}";
    }

    private static string Colour(double weight)
    {
        var (r, g, b) = Colormap.BlueOrange[0.5 + Math.Sign(weight) * (0.15 + 0.35 * Math.Abs(weight))];
        return $"#{r:x2}{g:x2}{b:x2}";
    }

    private static void Add(StringBuilder svg, FormattableString text) => svg.Append(text.ToString(CultureInfo.InvariantCulture));

    private static string Escaped(string text) => WebUtility.HtmlEncode(text);
}
