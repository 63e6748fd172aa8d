using OpenCvSharp;
using Prisma.Engine;

namespace Prisma.Core;

/// <summary>
/// A white sheet to draw on, red first. Shapes are OpenCV's; text is OpenCV's stroke font drawn four times as large and averaged down,
/// which gives smooth letters at any size. ASCII only: other characters are replaced by their nearest or by '?'.
/// </summary>
internal sealed class Canvas : IDisposable
{
    private const int Finer = 4;
    private const HersheyFonts Font = HersheyFonts.HersheySimplex;
    private const double CapHeightAtScale1 = 21;

    private readonly byte[] _pixels;
    private readonly Mat _mat;

    public Canvas(int width, int height)
    {
        if (width < 1 || height < 1 || 3L * width * height > Array.MaxLength) throw new ShapeException($"Cannot draw on a sheet of {width}x{height}.");
        (Width, Height) = (width, height);
        _pixels = new byte[3 * width * height];
        Array.Fill(_pixels, (byte)255);
        _mat = Mat.FromPixelData(height, width, MatType.CV_8UC3, _pixels);
    }

    public int Width { get; }

    public int Height { get; }

    public static (byte, byte, byte) Ink => (38, 38, 44);

    public static (byte, byte, byte) FaintInk => (105, 105, 112);

    public RgbImage ToImage() => new(Width, Height, [.. _pixels]);

    public void Put(RgbImage image, int x, int y)
    {
        for (var row = 0; row < image.Height; row++)
            image.Pixels.Slice(3 * row * image.Width, 3 * image.Width).CopyTo(_pixels.AsSpan(3 * ((y + row) * Width + x)));
    }

    public void Fill(int x, int y, int width, int height, (byte R, byte G, byte B) colour) =>
        Cv2.Rectangle(_mat, new Rect(x, y, width, height), Of(colour), -1);

    public void Frame(int x, int y, int width, int height, (byte R, byte G, byte B) colour) =>
        Cv2.Rectangle(_mat, new Rect(x, y, width, height), Of(colour), 1);

    /// <summary>A closed line through points in sixteenths of a pixel.</summary>
    public void Loop(IReadOnlyList<Point> sixteenths, (byte R, byte G, byte B) colour, int thickness) =>
        Cv2.Polylines(_mat, [sixteenths], true, Of(colour), thickness, LineTypes.AntiAlias, 4);

    public static int LineHeight(int size) => (int)Math.Ceiling(size * 1.45);

    /// <summary>Pixels that a text takes; size is about the height of a line's letters with their descenders.</summary>
    public static int TextWidth(string text, int size)
    {
        var wide = Cv2.GetTextSize(Ascii(text), Font, Scale(size), Thickness(size), out _);
        return (wide.Width + Finer - 1) / Finer;
    }

    /// <summary>The text broken into lines at spaces; a word too long is cut.</summary>
    public static IReadOnlyList<string> Lines(string text, int size, int width)
    {
        List<string> lines = [];
        var line = "";
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var longer = line.Length == 0 ? word : line + " " + word;
            if (TextWidth(longer, size) <= width)
            {
                line = longer;
                continue;
            }

            if (line.Length > 0) lines.Add(line);
            line = word;
            while (line.Length > 1 && TextWidth(line, size) > width) line = line.Length > 4 ? line[..^4] + "..." : line[..^1];
        }

        if (line.Length > 0) lines.Add(line);
        return lines;
    }

    /// <summary>Writes one line with its top left corner at x, y.</summary>
    public void Text(string text, int x, int y, int size, (byte R, byte G, byte B) colour)
    {
        text = Ascii(text);
        if (text.Length == 0) return;
        int width = TextWidth(text, size) + 2, height = LineHeight(size);
        using var large = new Mat(height * Finer, width * Finer, MatType.CV_8UC1, new Scalar(0));
        var baseline = (int)(size * 1.02 * Finer);
        Cv2.PutText(large, text, new Point(Finer, baseline), Font, Scale(size), Scalar.All(255), Thickness(size), LineTypes.AntiAlias);
        var cover = new byte[width * height];
        PillowResize.Run(large.AsSpan<byte>(), width * Finer, height * Finer, 1, cover, width, height, (int)ResizeFilter.Box);
        ReadOnlySpan<byte> ink = [colour.R, colour.G, colour.B];
        for (var row = Math.Max(0, -y); row < Math.Min(height, Height - y); row++)
        {
            for (var column = Math.Max(0, -x); column < Math.Min(width, Width - x); column++)
            {
                int share = cover[row * width + column], at = 3 * ((y + row) * Width + x + column);
                for (var c = 0; c < 3; c++) _pixels[at + c] = (byte)((_pixels[at + c] * (255 - share) + ink[c] * share + 127) / 255);
            }
        }
    }

    public void Dispose() => _mat.Dispose();

    private static double Scale(int size) => size * 0.76 * Finer / CapHeightAtScale1;

    private static int Thickness(int size) => Math.Max(1, (int)Math.Round(size * 0.095 * Finer));

    private static Scalar Of((byte R, byte G, byte B) colour) => new(colour.R, colour.G, colour.B);

    private static string Ascii(string text) => string.Concat(text.Select(c => c switch
    {
        >= ' ' and <= '~' => c.ToString(),
        '\u2212' or '\u2010' or '\u2011' or '\u2013' or '\u2014' => "-",
        '\u00D7' => "x",
        '\u00B5' or '\u03BC' => "u",
        '\u2026' => "...",
        '\u2192' => "->",
        '\u2018' or '\u2019' => "'",
        '\u201C' or '\u201D' => "\"",
        '\t' or '\n' or '\r' or '\u00A0' => " ",
        _ => "?",
    }));
}
