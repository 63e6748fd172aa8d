using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Learned position tables of picture models and their interpolation to other grids.</summary>
public static class Positions
{
    /// <summary>
    /// The table [1, prefix + rows₀·columns₀, d] resampled to another grid; the prefix is untouched. Returned as it is where the grid is
    /// the trained one.
    /// </summary>
    /// <param name="table">Positions as trained on a square grid.</param>
    /// <param name="prefix">Entries for tokens before the patches.</param>
    /// <param name="rows">Patch rows wanted.</param>
    /// <param name="columns">Patch columns wanted.</param>
    /// <param name="antialias">Bicubic with antialiasing (a = −0.5) or without (a = −0.75), as the reference does.</param>
    public static Tensor Resampled(Tensor table, int prefix, int rows, int columns, bool antialias)
    {
        var width = table.shape[^1];
        var trained = (int)Math.Round(Math.Sqrt(table.shape[^2] - prefix));
        if (trained == rows && trained == columns) return table.alias();
        if (trained * trained + prefix != table.shape[^2])
            throw new ShapeException($"A position table of {table.shape[^2]} entries with {prefix} prefix tokens is no square grid and cannot be resampled.");
        using var scope = NewDisposeScope();
        var flat = table.view(1, table.shape[^2], width);
        var grid = flat.narrow(1, prefix, (long)trained * trained).view(1, trained, trained, width).permute(0, 3, 1, 2);
        var resampled = nn.functional.interpolate(grid, size: [rows, columns], mode: InterpolationMode.Bicubic, align_corners: false, antialias: antialias);
        var patches = resampled.permute(0, 2, 3, 1).reshape(1, (long)rows * columns, width);
        return (prefix == 0 ? patches : cat([flat.narrow(1, 0, prefix), patches], 1)).MoveToOuterDisposeScope();
    }
}
