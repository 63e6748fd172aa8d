namespace Prisma.Sae;

/// <summary>A block of rows: in which file, which of its blocks, how many rows.</summary>
internal readonly record struct RowBlock(int Shard, int Number, int Rows);

/// <summary>
/// The order of blocks in one round: all blocks of all files are permuted, and some consecutive ones form a window, within which rows are
/// permuted. A function of seed and round.
/// </summary>
internal sealed class BlockOrder
{
    private readonly RowBlock[] _blocks;
    private readonly List<(int First, int Count, long Start, int Rows)> _windows = [];

    internal BlockOrder(IReadOnlyList<RowBlock> blocks, long? seed, long round, long windowRows)
    {
        _blocks = Array.ConvertAll(Shuffle.Of(blocks.Count, seed, round), block => blocks[block]);
        var start = 0L;
        for (int first = 0, count; first < _blocks.Length; first += count)
        {
            var rows = 0;
            for (count = 0; first + count < _blocks.Length && (count == 0 || rows + _blocks[first + count].Rows <= windowRows); count++) rows += _blocks[first + count].Rows;
            _windows.Add((first, count, start, rows));
            start += rows;
        }
    }

    internal int Windows => _windows.Count;

    internal ReadOnlyMemory<RowBlock> BlocksOf(int window) => _blocks.AsMemory(_windows[window].First, _windows[window].Count);

    internal long StartOf(int window) => _windows[window].Start;

    internal int RowsOf(int window) => _windows[window].Rows;

    internal int WindowAt(long row) => _windows.FindLastIndex(window => window.Start <= row);
}
