using System.Globalization;
using System.Text;
using Prisma.Sae;

namespace Prisma.Circuits;

/// <summary>A histogram of feature densities as a drawing for a page: log scale of the share of vectors, features that never fired apart.</summary>
public static class DensityChart
{
    private const int Width = 820, Height = 300, Left = 62, Bottom = 58, Top = 26, Right = 34, SilentWidth = 100;
    private const double Decades = 10;

    /// <summary>The drawing. Its colours follow the page's.</summary>
    public static string Svg(UsageReport usage)
    {
        ArgumentNullException.ThrowIfNull(usage);
        var bins = usage.Histogram;
        // Features that never fired are in the first bar; a density of 1e-10 itself would need 1e10 vectors.
        var (silent, shown) = (bins[0], bins.Skip(1).ToList());
        var first = shown.FindIndex(count => count > 0);
        var lowest = first < 0 ? -2 : Math.Min(-2, (int)Math.Floor((first + 1) * Decades / bins.Count - Decades));
        var most = NiceTop(Math.Max(1, bins.Max()));
        var plot = new Plot(lowest, most);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"Histogram of feature densities\" font-family=\"system-ui, sans-serif\" font-size=\"13\" fill=\"currentColor\">\n");
        foreach (var tick in Enumerable.Range(0, 5).Select(k => most * k / 4.0).Where(tick => tick == Math.Floor(tick)))
        {
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{plot.Y(tick):f1}\" y2=\"{plot.Y(tick):f1}\" stroke=\"currentColor\" stroke-opacity=\"{(tick == 0 ? ".7" : ".15")}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left - 8}\" y=\"{plot.Y(tick) + 4.5:f1}\" text-anchor=\"end\">{tick:n0}</text>\n");
        }
        Bar(svg, plot, Left + 14, SilentWidth - 64, silent, $"{silent} features never fired", "#b4503c");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{Left + 14 + (SilentWidth - 64) / 2}\" y=\"{Height - Bottom + 18}\" text-anchor=\"middle\">never</text>\n");
        for (var k = 0; k < shown.Count; k++)
        {
            double from = (k + 1) * Decades / bins.Count - Decades, to = (k + 2) * Decades / bins.Count - Decades;
            if (shown[k] > 0 && to > lowest)
                Bar(svg, plot, plot.X(from) + .5, plot.X(to) - plot.X(from) - 1, shown[k], $"{shown[k]} features fire on {Math.Pow(10, from):g2} to {Math.Pow(10, to):g2} of the vectors", "#3b6fb5");
        }
        for (var decade = lowest; decade <= 0; decade++)
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{plot.X(decade):f1}\" x2=\"{plot.X(decade):f1}\" y1=\"{Height - Bottom}\" y2=\"{Height - Bottom + 5}\" stroke=\"currentColor\"/>")
                .Append(CultureInfo.InvariantCulture, $"<text x=\"{plot.X(decade):f1}\" y=\"{Height - Bottom + 18}\" text-anchor=\"middle\">{Share(decade)}</text>\n");
        Threshold(svg, plot, lowest, usage.Options.Dense);
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{(Left + SilentWidth + Width - Right) / 2}\" y=\"{Height - 14}\" text-anchor=\"middle\">density: share of vectors on which a feature fires (log scale)</text>\n");
        svg.Append(CultureInfo.InvariantCulture, $"<text transform=\"translate(15 {(Top + Height - Bottom) / 2}) rotate(-90)\" text-anchor=\"middle\">features</text>\n</svg>");
        return svg.ToString();
    }

    private static void Bar(StringBuilder svg, Plot plot, double x, double width, int count, string title, string colour) =>
        svg.Append(CultureInfo.InvariantCulture, $"<rect x=\"{x:f1}\" y=\"{plot.Y(count):f1}\" width=\"{Math.Max(.5, width):f1}\" height=\"{plot.Y(0) - plot.Y(count):f1}\" fill=\"{colour}\"><title>{title}</title></rect>\n");

    private static void Threshold(StringBuilder svg, Plot plot, int lowest, double dense)
    {
        if (Math.Log10(dense) < lowest) return;
        var x = plot.X(Math.Log10(dense));
        svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{x:f1}\" x2=\"{x:f1}\" y1=\"{Top - 8}\" y2=\"{Height - Bottom}\" stroke=\"currentColor\" stroke-dasharray=\"4 4\" stroke-opacity=\".6\"/>");
        svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{x + 5:f1}\" y=\"{Top - 2}\" opacity=\".75\">dense ›</text>\n");
    }

    private static string Share(int decade) => decade switch { 0 => "100 %", -1 => "10 %", -2 => "1 %", -3 => "0.1 %", _ => $"10<tspan dy=\"-5\" font-size=\"10\">−{-decade}</tspan>" };

    private static int NiceTop(int most)
    {
        for (var scale = 4; ; scale *= 10)
            foreach (var factor in new[] { 1, 2, 5 })
                if (scale * factor >= most) return scale * factor;
    }

    private readonly record struct Plot(int Lowest, int Most)
    {
        internal double X(double decade) => Left + SilentWidth + (decade - Lowest) / -Lowest * (Width - Right - Left - SilentWidth);

        internal double Y(double count) => Height - Bottom - count / Most * (Height - Bottom - Top);
    }
}
