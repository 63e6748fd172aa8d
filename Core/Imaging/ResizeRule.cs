namespace Prisma.Core;

/// <summary>A resize: how, to what, with which filter.</summary>
public sealed record ResizeRule(ResizeMode Mode, int Height, int Width, ResizeFilter Filter)
{
    /// <summary>No resize.</summary>
    public static ResizeRule Keep { get; } = new(ResizeMode.Keep, 0, 0, ResizeFilter.Bilinear);

    /// <summary>The size that a picture gets.</summary>
    public (int Width, int Height) Target(int width, int height)
    {
        switch (Mode)
        {
            case ResizeMode.Keep:
                return (width, height);
            case ResizeMode.Exact:
                return (Width, Height);
            case ResizeMode.ShortestEdge:
                return width <= height ? (Height, Longer(height, width)) : (Longer(width, height), Height);
            default:
                double across = (double)width / Width, down = (double)height / Height;
                var ratio = Mode == ResizeMode.Cover ? Math.Min(across, down) : Math.Max(across, down);
                return (Rounded(width / ratio), Rounded(height / ratio));
        }
    }

    private static int Rounded(double side) => Math.Max(1, (int)Math.Round(side, MidpointRounding.ToEven));

    private int Longer(int longSide, int shortSide) => (int)((double)((long)Height * longSide) / shortSide);
}
