using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>Learned position tables of picture models and their interpolation to other grids.</summary>
public static class Positions
{
    /// <summary>
    /// The table [1, prefix + rows₀·columns₀, d] resampled to another grid; the prefix is untouched. As in the references it is returned as
    /// it is where the grid is square and has as many places.
    /// </summary>
    /// <param name="table">Positions as trained.</param>
    /// <param name="prefix">Entries for tokens before the patches.</param>
    /// <param name="rows">Patch rows wanted.</param>
    /// <param name="columns">Patch columns wanted.</param>
    /// <param name="antialias">Bicubic with antialiasing (a = −0.5) or without (a = −0.75), as the reference does.</param>
    /// <param name="trained">The grid that the positions were trained on; square where null.</param>
    public static Tensor Resampled(Tensor table, int prefix, int rows, int columns, bool antialias, (int Rows, int Columns)? trained = null)
    {
        var (width, places) = (table.shape[^1], table.shape[^2] - prefix);
        if (rows == columns && (long)rows * columns == places) return table.alias();
        var side = (int)Math.Round(Math.Sqrt(places));
        var (fromRows, fromColumns) = trained ?? (side, side);
        if ((long)fromRows * fromColumns != places)
            throw new ShapeException($"A position table of {table.shape[^2]} entries with {prefix} prefix tokens is no grid of {fromRows} × {fromColumns} and cannot be resampled.");
        if (fromRows == rows && fromColumns == columns) return table.alias();
        using var scope = NewDisposeScope();
        var flat = table.view(1, table.shape[^2], width);
        var grid = flat.narrow(1, prefix, places).view(1, fromRows, fromColumns, width).permute(0, 3, 1, 2);
        var resampled = nn.functional.interpolate(grid, size: [rows, columns], mode: InterpolationMode.Bicubic, align_corners: false, antialias: antialias);
        var patches = resampled.permute(0, 2, 3, 1).reshape(1, (long)rows * columns, width);
        return (prefix == 0 ? patches : cat([flat.narrow(1, 0, prefix), patches], 1)).MoveToOuterDisposeScope();
    }
}
