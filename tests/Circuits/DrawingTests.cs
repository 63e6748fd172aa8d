using System.Globalization;
using System.Xml.Linq;
using Prisma.Circuits;

namespace Prisma.Tests.Circuits;

/// <summary>Drawings show whole titles and legends, nodes that do not overlap, and numbers and words each on their side.</summary>
public sealed class DrawingTests
{
    private const string Svg = "{http://www.w3.org/2000/svg}";

    [Fact]
    public void Levels_of_many_nodes_stand_in_rows_and_nothing_overlaps_or_leaves_the_drawing()
    {
        var title = "A circuit with a title that is a good deal longer than its few nodes are wide, for which the drawing has to make room";
        CircuitNode[] nodes = [.. Enumerable.Range(0, 40).Select(k => new CircuitNode($"n{k}", "feature", $"{k}", 0, "block 0", null, k - 20)), new("top", "logit", "top", 1, "answer", null, 3)];
        var graph = new CircuitGraph(title, nodes, [new CircuitLink(3, 40, 2), new CircuitLink(39, 40, -1)]);
        var plain = XDocument.Parse(GraphSvg.Draw(graph));
        var width = double.Parse(plain.Root!.Attribute("width")!.Value, CultureInfo.InvariantCulture);
        Assert.InRange(width, 8 * title.Length, 1300);
        var boxes = plain.Descendants(Svg + "g").Select(group => group.Element(Svg + "rect")!).Select(box => (X: Number(box, "x"), Y: Number(box, "y"), W: Number(box, "width"), H: Number(box, "height"))).ToList();
        Assert.Equal(41, boxes.Count);
        for (var a = 0; a < boxes.Count; a++)
        {
            Assert.InRange(boxes[a].X + boxes[a].W, 0, width);
            for (var b = 0; b < a; b++)
                Assert.True(Math.Abs(boxes[a].X - boxes[b].X) >= boxes[a].W || Math.Abs(boxes[a].Y - boxes[b].Y) >= boxes[a].H, $"{a} lies on {b}");
        }
        Assert.Equal(4, boxes.Select(box => box.Y).Distinct().Count());
        Assert.Single(plain.Descendants(Svg + "g").Select(group => group.Element(Svg + "rect")!.Attribute("fill")!.Value).Distinct());
        // Where nodes have a number of one kind, it shows and has a legend of its own.
        var told = GraphSvg.Draw(graph with { ValueMeaning = "what it does to <the answer>" });
        Assert.Contains("what it does to &lt;the answer&gt;", told, StringComparison.Ordinal);
        Assert.True(XDocument.Parse(told).Descendants(Svg + "g").Select(group => group.Element(Svg + "rect")!.Attribute("fill")!.Value).Distinct().Count() > 30);
    }

    [Fact]
    public void A_table_is_as_wide_as_what_is_said_about_it_and_untitled_on_a_page()
    {
        var unit = "whether the head writes what it reads, by its weights alone: 1 as it is, -1 reversed, about 0 as something else";
        var values = new double[,] { { 1, -2 } };
        XElement Chart(bool titled) => XDocument.Parse(MatrixChart.Svg(values, ["row"], ["one", "two"], "A title", unit, titled)).Root!;
        Assert.True(Number(Chart(true), "width") > 6 * unit.Length);
        Assert.Contains("A title", Chart(true).Value, StringComparison.Ordinal);
        Assert.DoesNotContain("A title", Chart(false).Value, StringComparison.Ordinal);
        Assert.True(Number(Chart(false), "height") < Number(Chart(true), "height"));
    }

    [Fact]
    public void Numbers_stand_to_the_right_and_words_to_the_left()
    {
        var page = new HtmlReport("page").Table(["name", "share", "mean", "what it is"], [["a", "7.95 %", "1.2e-05", "a sum of squares"], ["b", "none", "NaN", ""]]).ToString();
        Assert.Contains("<th class=\"words\">name</th><th>share</th><th>mean</th><th class=\"words\">what it is</th>", page, StringComparison.Ordinal);
        Assert.Contains("<td class=\"words\">b</td><td>none</td><td>NaN</td><td class=\"words\"></td>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("figcaption>", new HtmlReport("page").Drawing("<svg></svg>").ToString(), StringComparison.Ordinal);
    }

    private static double Number(XElement element, string name) => double.Parse(element.Attribute(name)!.Value, CultureInfo.InvariantCulture);
}
