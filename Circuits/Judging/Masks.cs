using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>What measures on masks share.</summary>
internal static class Masks
{
    internal static void Check(Heatmap map, bool[] mask)
    {
        var (width, height) = (map.Geometry.OriginalWidth, map.Geometry.OriginalHeight);
        if (mask.Length != width * height)
            throw new ShapeException($"A mask of {mask.Length} pixels was given for a picture of {width}x{height} = {width * height}.");
    }
}
