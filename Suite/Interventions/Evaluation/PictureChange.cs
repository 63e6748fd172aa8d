using Prisma.Core;

namespace Prisma;

/// <summary>
/// What distinguishes two pictures of one size, split without overlap: every difference of luma is a part that is constant on the tiles of a coarse grid
/// (composition) plus the rest (detail), and a difference of the two colour axes (colour). In shares of the full range of values, root mean square over pixels.
/// </summary>
/// <param name="Composition">Luma, means over tiles.</param>
/// <param name="Detail">Luma, what the tiles' means leave.</param>
/// <param name="Colour">Both colour axes (BT.601's Cb and Cr).</param>
public sealed record PictureChange(double Composition, double Detail, double Colour)
{
    /// <summary>Tiles along a side: a sixteenth of the picture decides where things are, not what they look like.</summary>
    public const int Tiles = 16;

    private const double Range = 255;

    /// <summary>All three together: √(a² + b² + c²).</summary>
    public double Total => Math.Sqrt(Composition * Composition + Detail * Detail + Colour * Colour);

    /// <summary>What distinguishes one picture from another.</summary>
    /// <exception cref="ShapeException">They differ in size.</exception>
    public static PictureChange Between(RgbImage one, RgbImage other)
    {
        CheckSizes(one, other);
        var (luma, blue, red) = Differences(one, other);
        var coarse = TileMeans(luma, one.Width, one.Height);
        return new PictureChange(Rms(coarse), Rms([.. luma.Zip(coarse, (whole, mean) => whole - mean)]), Math.Sqrt(Square(Rms(blue)) + Square(Rms(red))));
    }

    /// <summary>
    /// The mean absolute difference of the colours, 0 to 1, where a mask is bright and where it is dark; null for a side that the mask leaves empty.
    /// </summary>
    /// <param name="one">A picture.</param>
    /// <param name="other">The other, of the same size.</param>
    /// <param name="isInside">Whether a pixel (column, row) belongs to the mask.</param>
    /// <exception cref="ShapeException">The pictures differ in size.</exception>
    public static (double? Inside, double? Outside) Mean(RgbImage one, RgbImage other, Func<int, int, bool> isInside)
    {
        CheckSizes(one, other);
        ArgumentNullException.ThrowIfNull(isInside);
        var (sums, counts) = (new double[2], new long[2]);
        for (var y = 0; y < one.Height; y++)
            for (var x = 0; x < one.Width; x++)
            {
                var side = isInside(x, y) ? 0 : 1;
                var (a, b) = (one[x, y], other[x, y]);
                sums[side] += (Math.Abs(a.R - b.R) + Math.Abs(a.G - b.G) + Math.Abs(a.B - b.B)) / (3 * Range);
                counts[side]++;
            }
        return (counts[0] > 0 ? sums[0] / counts[0] : null, counts[1] > 0 ? sums[1] / counts[1] : null);
    }

    internal static void CheckSizes(RgbImage one, RgbImage other)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(other);
        if (one.Width != other.Width || one.Height != other.Height)
            throw new ShapeException($"A picture of {one.Width}x{one.Height} cannot be compared with one of {other.Width}x{other.Height} (width x height).");
    }

    private static (double[] Luma, double[] Blue, double[] Red) Differences(RgbImage one, RgbImage other)
    {
        var count = one.Width * one.Height;
        var (luma, blue, red) = (new double[count], new double[count], new double[count]);
        var a = one.Pixels;
        var b = other.Pixels;
        for (var i = 0; i < count; i++)
        {
            var (r, g, bl) = ((a[3 * i] - b[3 * i]) / Range, (a[3 * i + 1] - b[3 * i + 1]) / Range, (a[3 * i + 2] - b[3 * i + 2]) / Range);
            luma[i] = 0.299 * r + 0.587 * g + 0.114 * bl;
            blue[i] = (bl - luma[i]) / 1.772;
            red[i] = (r - luma[i]) / 1.402;
        }
        return (luma, blue, red);
    }

    // Each pixel has the mean of its tile; the projection onto such pictures, so that it and the rest add up in squares.
    private static double[] TileMeans(double[] values, int width, int height)
    {
        var (columns, rows) = (Math.Min(Tiles, width), Math.Min(Tiles, height));
        var (sums, counts) = (new double[rows * columns], new int[rows * columns]);
        for (var i = 0; i < values.Length; i++)
        {
            var tile = TileOf(i);
            sums[tile] += values[i];
            counts[tile]++;
        }
        return [.. values.Select((_, i) => sums[TileOf(i)] / counts[TileOf(i)])];

        int TileOf(int i) => i / width * rows / height * columns + i % width * columns / width;
    }

    private static double Rms(double[] values) => Math.Sqrt(values.Average(Square));

    private static double Square(double value) => value * value;
}
