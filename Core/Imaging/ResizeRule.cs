namespace Prisma.Core;

/// <summary>A resize: how, to what, with which filter.</summary>
public sealed record ResizeRule(ResizeMode Mode, int Height, int Width, ResizeFilter Filter)
{
    /// <summary>No resize.</summary>
    public static ResizeRule Keep { get; } = new(ResizeMode.Keep, 0, 0, ResizeFilter.Bilinear);

    /// <summary>The greatest number of patches, for <see cref="ResizeMode.PatchBudget"/>.</summary>
    public int MostPatches { get; init; }

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
            case ResizeMode.PatchBudget:
                return WithinBudget(width, height);
            default:
                double across = (double)width / Width, down = (double)height / Height;
                var ratio = Mode == ResizeMode.Cover ? Math.Min(across, down) : Math.Max(across, down);
                return (Rounded(width / ratio), Rounded(height / ratio));
        }
    }

    // The reference halves the span of possible factors until it is narrower than this; where it ends decides which patches a side gets.
    private (int Width, int Height) WithinBudget(int width, int height)
    {
        const double Narrow = 1e-5;
        int Patches(int side, double factor) => Math.Max(1, (int)Math.Ceiling(side * factor / Height));
        var (low, high) = (Narrow / 10, 100.0);
        while (high - low >= Narrow)
        {
            var middle = (low + high) / 2;
            if ((long)Patches(width, middle) * Patches(height, middle) <= MostPatches) low = middle;
            else high = middle;
        }
        return (Patches(width, low) * Height, Patches(height, low) * Height);
    }

    private static int Rounded(double side) => Math.Max(1, (int)Math.Round(side, MidpointRounding.ToEven));

    private int Longer(int longSide, int shortSide) => (int)((double)((long)Height * longSide) / shortSide);
}
