using Prisma.Core;

namespace Prisma.Demo;

/// <summary>Which tokens of a clip show the object that changes.</summary>
public static class MotionTruth
{
    /// <summary>
    /// For each token, in the layout's order and without its prefix, whether the box around the changing object covers at least a quarter of
    /// the token's patch in one of its frames. Where the object is not there, no token shows it.
    /// </summary>
    /// <param name="clip">The clip.</param>
    /// <param name="layout">How a model's tokens lie on it.</param>
    public static bool[] Tokens(MotionClip clip, TokenLayout layout)
    {
        ArgumentNullException.ThrowIfNull(clip);
        ArgumentNullException.ThrowIfNull(layout);
        var shown = new bool[layout.Tokens - layout.Prefix];
        double width = (double)Scene.Width / layout.Columns, height = (double)Scene.Width / layout.Rows;
        for (int frame = 0; frame < MotionClip.Frames; frame++)
        {
            if (clip.ChangingIn(frame) is not { } item) continue;
            for (int row = 0; row < layout.Rows; row++)
            {
                for (int column = 0; column < layout.Columns; column++)
                {
                    double covered = Overlap(item.X, item.Radius, column * width, width) * Overlap(item.Y, item.Radius, row * height, height);
                    if (4 * covered >= width * height) shown[layout.TokenAt(frame / layout.Tubelet, row, column) - layout.Prefix] = true;
                }
            }
        }
        return shown;
    }

    private static double Overlap(double centre, double radius, double start, double length) =>
        Math.Max(0, Math.Min(centre + radius, start + length) - Math.Max(centre - radius, start));
}
