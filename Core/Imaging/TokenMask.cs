namespace Prisma.Core;

/// <summary>A drawn mask as a choice of tokens.</summary>
public static class TokenMask
{
    /// <summary>
    /// How much of each place of the grid the mask covers, 0 to 1: the mean of its brightest channel, in row, column order for each frame.
    /// </summary>
    /// <exception cref="OptionsException">The mask covers nothing.</exception>
    public static IReadOnlyList<float> Shares(RgbImage mask, TokenLayout layout)
    {
        ArgumentNullException.ThrowIfNull(mask);
        ArgumentNullException.ThrowIfNull(layout);
        var cells = mask.Resize(layout.Columns, layout.Rows, ResizeFilter.Box);
        var one = new List<float>();
        for (var row = 0; row < layout.Rows; row++)
            for (var column = 0; column < layout.Columns; column++)
                one.Add(cells[column, row] is var (r, g, b) ? Math.Max(r, Math.Max(g, b)) / 255f : 0);
        return one.Any(share => share > 0)
            ? [.. Enumerable.Repeat(one, layout.Frames).SelectMany(frame => frame)]
            : throw new OptionsException($"The mask of {mask.Width}x{mask.Height} covers none of the {layout.Rows}x{layout.Columns} places, so nothing would be edited.");
    }

    /// <summary>
    /// The tokens that lie on the mask's bright half: the mask is stretched over the grid by area means, and a token belongs to it where the
    /// mean of its brightest channel is at least one half. Tokens without a place never do. Every frame of a video has the same mask.
    /// </summary>
    /// <exception cref="OptionsException">The mask covers no token.</exception>
    public static IReadOnlyList<int> Under(RgbImage mask, TokenLayout layout)
    {
        ArgumentNullException.ThrowIfNull(mask);
        ArgumentNullException.ThrowIfNull(layout);
        var cells = mask.Resize(layout.Columns, layout.Rows, ResizeFilter.Box);
        var tokens = new List<int>();
        for (var frame = 0; frame < layout.Frames; frame++)
            for (var row = 0; row < layout.Rows; row++)
                for (var column = 0; column < layout.Columns; column++)
                    if (cells[column, row] is var (r, g, b) && Math.Max(r, Math.Max(g, b)) >= 128) tokens.Add(layout.TokenAt(frame, row, column));
        return tokens.Count > 0
            ? tokens
            : throw new OptionsException($"The mask of {mask.Width}x{mask.Height} is bright on none of the {layout.Rows}x{layout.Columns} patches, so nothing would be edited.");
    }
}
