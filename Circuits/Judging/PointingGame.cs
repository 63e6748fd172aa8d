using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>The pointing game (Zhang et al. 2018): a hit if the map's highest pixel lies on the mask, or near it.</summary>
public static class PointingGame
{
    /// <summary>The tolerance in wide use, 15 pixels on pictures of 224, for pictures of another size, in whole pixels.</summary>
    public static double UsualTolerance(int width, int height) => Math.Round(Math.Min(width, height) * 15 / 224.0);

    /// <summary>Whether the highest pixel lies within a distance of the mask.</summary>
    /// <param name="map">The map.</param>
    /// <param name="mask">[height, width] of the original picture.</param>
    /// <param name="tolerance">In pixels of the original: 15 on pictures of about 224 (the usual choice); 0: on the mask itself.</param>
    public static bool Hits(Heatmap map, bool[] mask, double tolerance = 0)
    {
        ArgumentNullException.ThrowIfNull(map);
        ArgumentNullException.ThrowIfNull(mask);
        Masks.Check(map, mask);
        var values = map.OnPicture();
        var (width, height) = (map.Geometry.OriginalWidth, map.Geometry.OriginalHeight);
        var peak = -1;
        for (var k = 0; k < values.Length; k++)
            if (!float.IsNaN(values[k]) && (peak < 0 || values[k] > values[peak])) peak = k;
        if (peak < 0) return false;
        var (x, y, reach) = (peak % width, peak / width, (int)Math.Ceiling(tolerance));
        for (var row = Math.Max(0, y - reach); row <= Math.Min(height - 1, y + reach); row++)
            for (var column = Math.Max(0, x - reach); column <= Math.Min(width - 1, x + reach); column++)
                if (mask[row * width + column] && (row - y) * (row - y) + (column - x) * (column - x) <= tolerance * tolerance) return true;
        return false;
    }
}
