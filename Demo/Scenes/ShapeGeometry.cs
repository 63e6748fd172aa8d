using System.Runtime.CompilerServices;

namespace Prisma.Demo;

/// <summary>
/// The shapes as signed distances to their rim (negative inside), in units of the object's radius, centred on the origin with
/// y downwards. The distance is exact near straight and round rims; that is all that smooth edges and outlines of even width need.
/// </summary>
public static class ShapeGeometry
{
    /// <summary>No shape reaches further than this from its centre (in radii).</summary>
    public const float Reach = 1.3f;

    private const float Cos36 = 0.80901699f, Sin36 = 0.58778525f, HalfRoot = 0.70710678f;

    /// <summary>Signed distance of (x, y) from the rim of the shape.</summary>
    public static float Distance(ShapeKind shape, float x, float y) => shape switch
    {
        ShapeKind.Circle => MathF.Sqrt(x * x + y * y) - 0.9f,
        ShapeKind.Square => Math.Max(Math.Abs(x), Math.Abs(y)) - 0.8f,
        ShapeKind.Triangle => Triangle(x, y),
        ShapeKind.Star => Star(x, y),
        ShapeKind.Cross => Cross(x, y),
        ShapeKind.Heart => Heart(x, y),
        _ => throw new ArgumentOutOfRangeException(nameof(shape)),
    };

    /// <summary>Three half-planes whose normals are 120° apart: equilateral, its tip upwards.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Triangle(float x, float y) => Math.Max(y, 0.8660254f * Math.Abs(x) - 0.5f * y) - 0.62f;

    /// <summary>Five points: folded into the 36° between a tip and the next notch, where the rim is one line.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Star(float x, float y)
    {
        const float tip = 1.22f, notch = 0.56f;
        // The mirrors through the origin: first x = 0, then the two lines that send every tip to the upward one.
        x = Math.Abs(x);
        y = -y;
        float over = Math.Max(Cos36 * x - Sin36 * y, 0);
        x -= 2 * over * Cos36;
        y += 2 * over * Sin36;
        over = Math.Max(-Cos36 * x - Sin36 * y, 0);
        x += 2 * over * Cos36;
        y += 2 * over * Sin36;
        x = Math.Abs(x);
        // The line from the tip (0, tip) to the notch at 36°, with the normal outwards.
        const float notchX = notch * Sin36, notchY = notch * Cos36, runX = notchX, runY = notchY - tip;
        float length = MathF.Sqrt(runX * runX + runY * runY);
        return (x * -runY + (y - tip) * runX) / length;
    }

    /// <summary>Two bars, one across the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Cross(float x, float y)
    {
        const float half = 0.36f, arm = 1.08f;
        x = Math.Abs(x);
        y = Math.Abs(y);
        return Math.Min(Math.Max(x - arm, y - half), Math.Max(x - half, y - arm));
    }

    /// <summary>A square on its tip with a disc on each of its two upper sides.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Heart(float x, float y)
    {
        const float side = 1.22f, radius = side / 2, centre = radius * HalfRoot;
        x = Math.Abs(x);
        y -= 0.1f;
        float diamond = (x + Math.Abs(y)) * HalfRoot - radius;
        float dx = x - centre, dy = y + centre;
        return Math.Min(diamond, MathF.Sqrt(dx * dx + dy * dy) - radius);
    }
}
