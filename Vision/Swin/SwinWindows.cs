using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>Cuts a grid of tokens into windows, padded and shifted, and puts them together again (Liu et al. 2021, §3.2).</summary>
internal sealed class SwinWindows
{
    // As in the references: far below any score, but finite.
    private const float Apart = -100;
    private readonly int _rows, _columns, _paddedRows, _paddedColumns;
    private readonly (int Rows, int Columns) _window, _shift;
    private readonly bool _padsFirst;

    internal SwinWindows(int rows, int columns, (int Rows, int Columns) window, (int Rows, int Columns) shift, bool padsFirst)
    {
        (_rows, _columns, _window, _shift, _padsFirst) = (rows, columns, window, shift, padsFirst);
        (_paddedRows, _paddedColumns) = (Whole(rows, window.Rows), Whole(columns, window.Columns));
    }

    internal long Count => (long)(_paddedRows / _window.Rows) * (_paddedColumns / _window.Columns);

    private bool Shifts => _shift != (0, 0);

    /// <summary>[B, rows·columns, d] to [B·windows, tokens of a window, d].</summary>
    internal Tensor Cut(Tensor x)
    {
        using var scope = NewDisposeScope();
        var (batch, width) = (x.shape[0], x.shape[2]);
        var grid = x.view(batch, _rows, _columns, width);
        if (_padsFirst) grid = Padded(grid);
        grid = Rolled(grid, _shift.Rows, _shift.Columns);
        if (!_padsFirst) grid = Padded(grid);
        return grid.view(batch, _paddedRows / _window.Rows, _window.Rows, _paddedColumns / _window.Columns, _window.Columns, width)
            .permute(0, 1, 3, 2, 4, 5).reshape(-1, _window.Rows * _window.Columns, width).MoveToOuterDisposeScope();
    }

    /// <summary>The reverse; what was padded falls away.</summary>
    internal Tensor Join(Tensor windows)
    {
        using var scope = NewDisposeScope();
        var (batch, width) = (windows.shape[0] / Count, windows.shape[2]);
        var grid = windows.view(batch, _paddedRows / _window.Rows, _paddedColumns / _window.Columns, _window.Rows, _window.Columns, width)
            .permute(0, 1, 3, 2, 4, 5).reshape(batch, _paddedRows, _paddedColumns, width);
        if (!_padsFirst) grid = Trimmed(grid);
        grid = Rolled(grid, -_shift.Rows, -_shift.Columns);
        if (_padsFirst) grid = Trimmed(grid);
        return grid.reshape(batch, (long)_rows * _columns, width).MoveToOuterDisposeScope();
    }

    /// <summary>What keeps tokens apart that only the shift brought into one window, [windows, 1, tokens, tokens]; null without a shift.</summary>
    internal Tensor? Mask()
    {
        if (!Shifts) return null;
        var (tokens, across) = (_window.Rows * _window.Columns, _paddedColumns / _window.Columns);
        var mask = new float[Count * tokens * tokens];
        for (var window = 0; window < Count; window++)
            for (var query = 0; query < tokens; query++)
                for (var key = 0; key < tokens; key++)
                    if (Region(window / across, window % across, query) != Region(window / across, window % across, key))
                        mask[(window * tokens + query) * tokens + key] = Apart;
        return tensor(mask).view(Count, 1, tokens, tokens);
    }

    // Which of the nine pieces of the shifted grid a token of a window is in.
    private int Region(int windowRow, int windowColumn, int token) =>
        (3 * Third(windowRow * _window.Rows + token / _window.Columns, _paddedRows, _window.Rows, _shift.Rows))
        + Third(windowColumn * _window.Columns + token % _window.Columns, _paddedColumns, _window.Columns, _shift.Columns);

    private static int Third(int at, int size, int window, int shift) => shift == 0 ? 2 : at < size - window ? 0 : at < size - shift ? 1 : 2;

    private Tensor Padded(Tensor grid)
    {
        var (down, right) = (_paddedRows - grid.shape[1], _paddedColumns - grid.shape[2]);
        if (right > 0) grid = cat([grid, zeros([grid.shape[0], grid.shape[1], right, grid.shape[3]], grid.dtype, grid.device)], 2);
        if (down > 0) grid = cat([grid, zeros([grid.shape[0], down, grid.shape[2], grid.shape[3]], grid.dtype, grid.device)], 1);
        return grid;
    }

    private Tensor Trimmed(Tensor grid) => grid.narrow(1, 0, _rows).narrow(2, 0, _columns);

    // Moves everything up and left, the rest in again at the other end; negative numbers move back.
    private static Tensor Rolled(Tensor grid, int rows, int columns) => (rows, columns) == (0, 0) ? grid : grid.roll(-rows, 1).roll(-columns, 2);

    private static int Whole(int size, int window) => (size + window - 1) / window * window;
}
