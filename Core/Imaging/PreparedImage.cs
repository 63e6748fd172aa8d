namespace Prisma.Core;

/// <summary>A picture as a model takes it.</summary>
/// <param name="Values">[3, height, width]: planes of red, green and blue.</param>
/// <param name="Geometry">How its pixels lie in the original.</param>
public sealed record PreparedImage(float[] Values, ImageGeometry Geometry)
{
    /// <summary>Pixels per row.</summary>
    public int Width => Geometry.Width;

    /// <summary>Rows.</summary>
    public int Height => Geometry.Height;
}
