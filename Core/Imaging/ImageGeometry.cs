namespace Prisma.Core;

/// <summary>
/// What preprocessing did to a picture: resized it, then cut a window out of it. Maps between the model's pixels and the original's.
/// Coordinates are continuous: pixel i covers [i, i + 1), its centre is i + 0.5.
/// </summary>
/// <param name="OriginalWidth">Pixels per row of the original picture.</param>
/// <param name="OriginalHeight">Rows of the original picture.</param>
/// <param name="ResizedWidth">Pixels per row after resizing, before the crop.</param>
/// <param name="ResizedHeight">Rows after resizing, before the crop.</param>
/// <param name="CropLeft">Where the window begins in the resized picture; negative where the picture was padded.</param>
/// <param name="CropTop">The same, downwards.</param>
/// <param name="Width">Pixels per row that the model sees.</param>
/// <param name="Height">Rows that the model sees.</param>
public sealed record ImageGeometry(
    int OriginalWidth, int OriginalHeight, int ResizedWidth, int ResizedHeight, int CropLeft, int CropTop, int Width, int Height)
{
    /// <summary>A picture that the model sees as it is.</summary>
    public static ImageGeometry Unchanged(int width, int height) => new(width, height, width, height, 0, 0, width, height);

    /// <summary>From the model's coordinates to the original's.</summary>
    public (double X, double Y) ToOriginal(double x, double y) =>
        ((x + CropLeft) * OriginalWidth / ResizedWidth, (y + CropTop) * OriginalHeight / ResizedHeight);

    /// <summary>From the original's coordinates to the model's; outside [0, Width) x [0, Height) the model sees nothing of it.</summary>
    public (double X, double Y) ToModel(double x, double y) =>
        (x * ResizedWidth / OriginalWidth - CropLeft, y * ResizedHeight / OriginalHeight - CropTop);

    /// <summary>The part of the original that the model sees, in the original's coordinates; empty parts do not occur.</summary>
    public (double Left, double Top, double Right, double Bottom) SeenPart()
    {
        var (left, top) = ToOriginal(0, 0);
        var (right, bottom) = ToOriginal(Width, Height);
        return (Math.Max(left, 0), Math.Max(top, 0), Math.Min(right, OriginalWidth), Math.Min(bottom, OriginalHeight));
    }
}
