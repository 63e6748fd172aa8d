namespace Prisma.Core;

/// <summary>Drawn masks: white where something is meant, black elsewhere. Coordinates are pixels from the top left corner.</summary>
public static class PictureMask
{
    /// <summary>A box.</summary>
    /// <exception cref="OptionsException">It reaches out of the picture, or is empty.</exception>
    public static RgbImage Box(int width, int height, int x, int y, int boxWidth, int boxHeight) =>
        x >= 0 && y >= 0 && boxWidth > 0 && boxHeight > 0 && x + boxWidth <= width && y + boxHeight <= height
            ? Drawn(width, height, (column, row) => column >= x && column < x + boxWidth && row >= y && row < y + boxHeight)
            : throw new OptionsException($"The box {x},{y},{boxWidth},{boxHeight} (x, y, width, height) is empty or reaches out of the picture of {width}x{height}.");

    /// <summary>A polygon: pixels whose centre lies inside, by the even-odd rule.</summary>
    /// <exception cref="OptionsException">It has fewer than three corners.</exception>
    public static RgbImage Polygon(int width, int height, IReadOnlyList<(double X, double Y)> corners)
    {
        ArgumentNullException.ThrowIfNull(corners);
        if (corners.Count < 3) throw new OptionsException($"A polygon needs three corners or more; {corners.Count} were given.");
        return Drawn(width, height, (column, row) => IsInside(column + 0.5, row + 0.5, corners));
    }

    private static bool IsInside(double x, double y, IReadOnlyList<(double X, double Y)> corners)
    {
        var inside = false;
        for (int i = 0, before = corners.Count - 1; i < corners.Count; before = i++)
        {
            var (a, b) = (corners[i], corners[before]);
            if (a.Y > y != b.Y > y && x < (b.X - a.X) * (y - a.Y) / (b.Y - a.Y) + a.X) inside = !inside;
        }
        return inside;
    }

    private static RgbImage Drawn(int width, int height, Func<int, int, bool> covers)
    {
        var pixels = new byte[checked(3 * width * height)];
        for (var row = 0; row < height; row++)
            for (var column = 0; column < width; column++)
                if (covers(column, row)) pixels.AsSpan(3 * (row * width + column), 3).Fill(255);
        return new RgbImage(width, height, pixels);
    }
}
