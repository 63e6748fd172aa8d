using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// BEiT's relative positions (Bao et al. 2021): a bias per head for every distance in rows and columns, one for the class token looking at
/// a patch, one for the reverse and one for the class token itself. Other grids resample the table bilinearly, as the reference does.
/// </summary>
internal sealed class RelativeBias : ScoreBias
{
    private const int OfClassToken = 3;
    private readonly int _rows, _columns;
    private readonly Weight _table;

    /// <summary>Declares <c>table</c> [(2·rows − 1)·(2·columns − 1) + 3, H].</summary>
    internal RelativeBias(int rows, int columns, int heads)
    {
        (_rows, _columns) = (rows, columns);
        _table = Declare("table", ((2 * rows - 1) * (2 * columns - 1)) + OfClassToken, heads);
    }

    /// <inheritdoc/>
    public override Tensor Of(AttentionContext context)
    {
        var layout = context.Layout ?? throw new InvalidOperationException("Relative positions need the tokens' layout.");
        using var scope = NewDisposeScope();
        var (rows, columns, tokens) = (layout.Rows, layout.Columns, layout.Rows * layout.Columns + 1);
        using var index = tensor(Index(rows, columns)).to(_table.Value.device);
        return Table(rows, columns).index_select(0, index).view(tokens, tokens, -1).permute(2, 0, 1).MoveToOuterDisposeScope();
    }

    private Tensor Table(int rows, int columns)
    {
        if (rows == _rows && columns == _columns) return _table.Value;
        var heads = _table.Shape[1];
        var distances = (2L * _rows - 1) * (2 * _columns - 1);
        var grid = _table.Value.narrow(0, 0, distances).view(1, 2 * _rows - 1, 2 * _columns - 1, heads).permute(0, 3, 1, 2);
        var resampled = nn.functional.interpolate(grid, size: [2 * rows - 1, 2 * columns - 1], mode: InterpolationMode.Bilinear, align_corners: false);
        return cat([resampled.permute(0, 2, 3, 1).reshape(-1, heads), _table.Value.narrow(0, distances, OfClassToken)], 0);
    }

    // For each pair of tokens the row of the table, class token first.
    private static long[] Index(int rows, int columns)
    {
        var (tokens, distances) = (rows * columns + 1, (2 * rows - 1) * (2 * columns - 1));
        var index = new long[tokens * tokens];
        for (var query = 0; query < tokens; query++)
            for (var key = 0; key < tokens; key++)
                index[query * tokens + key] = (query, key) switch
                {
                    (0, 0) => distances + 2,
                    (0, _) => distances,
                    (_, 0) => distances + 1,
                    _ => ((query - 1) / columns - (key - 1) / columns + rows - 1) * (2 * columns - 1) + ((query - 1) % columns - (key - 1) % columns + columns - 1),
                };
        return index;
    }
}

/// <summary>A bias that another module owns, for blocks that share one.</summary>
internal sealed class BorrowedBias(ScoreBias owner) : ScoreBias
{
    /// <inheritdoc/>
    public override Tensor Of(AttentionContext context) => owner.Of(context);
}
