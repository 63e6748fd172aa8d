namespace Prisma.Core;

/// <summary>A window in the middle of the resized picture, padded with a colour where the picture is smaller.</summary>
public sealed record CropRule(int Height, int Width, CropRounding Rounding, byte FillRed = 0, byte FillGreen = 0, byte FillBlue = 0)
{
    /// <summary>Where the window begins in the resized picture; negative means padding.</summary>
    public (int Left, int Top) Offset(int width, int height) => (OffsetAlong(width, Width), OffsetAlong(height, Height));

    private int OffsetAlong(int size, int crop) => Rounding switch
    {
        CropRounding.Down => (int)Math.Floor((size - crop) / 2.0),
        _ when size < crop => -((crop - size) / 2),
        _ => (int)Math.Round((size - crop) / 2.0, MidpointRounding.ToEven),
    };
}
