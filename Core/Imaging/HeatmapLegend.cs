namespace Prisma.Core;

/// <summary>The bar of colours with its numbers, what they are, and what hatching means.</summary>
internal sealed class HeatmapLegend(Colormap colours, HeatmapRange range, bool cutLow, bool cutHigh, HeatmapStyle style, bool hatched)
{
    private const int BarHeight = 12;
    private const string HatchNote = "hatched: not seen by the model";

    private int Size => style.TextSize;

    private IReadOnlyList<string> LabelLines(int width) => Canvas.Lines(style.Label, Size, width);

    public int Height(int width) =>
        (LabelLines(width).Count + 1) * Canvas.LineHeight(Size) + BarHeight + 6 + (hatched ? Canvas.Lines(HatchNote, Size - 2, width).Count * Canvas.LineHeight(Size - 2) : 0);

    public void Draw(Canvas canvas, int x, int y, int width)
    {
        foreach (var line in LabelLines(width))
        {
            canvas.Text(line, x, y, Size, Canvas.Ink);
            y += Canvas.LineHeight(Size);
        }

        for (var i = 0; i < width; i++) canvas.Fill(x + i, y, 1, BarHeight, colours[(double)i / (width - 1)]);
        canvas.Frame(x, y, width, BarHeight, Canvas.FaintInk);
        y += BarHeight + 4;

        var (low, high) = ((cutLow ? "<= " : "") + Number(range.Low), (cutHigh ? ">= " : "") + Number(range.High));
        var middle = range.Signed ? "0" : Number((range.Low + range.High) / 2);
        canvas.Text(low, x, y, Size, Canvas.Ink);
        canvas.Text(high, x + width - Canvas.TextWidth(high, Size), y, Size, Canvas.Ink);
        var taken = Canvas.TextWidth(low, Size) + Canvas.TextWidth(high, Size) + Canvas.TextWidth(middle, Size);
        if (taken + 3 * Size < width)
        {
            canvas.Fill(x + width / 2, y - 4, 1, 4, Canvas.FaintInk);
            canvas.Text(middle, x + (width - Canvas.TextWidth(middle, Size)) / 2, y, Size, Canvas.Ink);
        }

        y += Canvas.LineHeight(Size) + 2;
        if (!hatched) return;
        foreach (var line in Canvas.Lines(HatchNote, Size - 2, width))
        {
            canvas.Text(line, x, y, Size - 2, Canvas.FaintInk);
            y += Canvas.LineHeight(Size - 2);
        }
    }

    // Three digits of the larger end, and as many decimals for all numbers of one bar.
    private string Number(float value)
    {
        var largest = Math.Max(Math.Abs(range.Low), Math.Abs(range.High));
        if (value == 0) return "0";
        if (largest is < 1e-3f or >= 1e5f) return value.ToString("0.##e0");
        var decimals = Math.Clamp(2 - (int)Math.Floor(Math.Log10(largest)), 0, 6);
        return value.ToString("F" + decimals);
    }
}
