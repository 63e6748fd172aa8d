using System.Runtime.ExceptionServices;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Harvested activations as a source. Each round every row comes once (but for the rest too short for a batch), mixed from all files: blocks of
/// rows are permuted over the whole harvest, rows within windows of many blocks. Reads are positioned reads into own memory, so a file cut off
/// meanwhile is an error and not a crash; every block is checked. Owns the open files.
/// </summary>
public sealed class ShardSource : IActivationSource, IRowPieces, IDisposable
{
    private const long MostWindowBytes = 1L << 30;

    private readonly HarvestIndex _index;
    private readonly List<ShardFile> _shards = [];
    private readonly List<RowBlock> _blocks = [];
    private readonly long? _seed;
    private readonly long _windowRows;

    private ShardSource(string folder, HarvestIndex index, ShardOptions options)
    {
        (_index, _seed) = (index, options.Seed);
        var known = index.Settings.Columns;
        Columns = options.Columns is null ? known : [.. options.Columns.Select(name => known.FirstOrDefault(column => column.Name == name)
            ?? throw new OptionsException($"'{folder}' has no '{name}'; it has {string.Join(", ", known.Select(column => column.Name))}."))];
        if (options.WindowBytes is < 1 or > MostWindowBytes)
            throw new OptionsException($"WindowBytes = {options.WindowBytes} must be between 1 and {MostWindowBytes}.");
        // By the whole harvest's width, so that the choice of columns does not change the order.
        _windowRows = Math.Max(index.Settings.BlockRows, options.WindowBytes / index.Settings.RowBytes);
        Fingerprint = $"harvest {index.Digest}, {string.Join(", ", Columns.Select(column => column.Name))}, "
            + (options.Seed is { } seed ? $"shuffled by {seed} in windows of {_windowRows} rows" : "in order");
    }

    /// <summary>What the rows are like, by column.</summary>
    public IReadOnlyDictionary<string, ColumnStatistics> Statistics => _index.Statistics;

    /// <summary>What was harvested.</summary>
    public HarvestSettings Settings => _index.Settings;

    /// <inheritdoc cref="IActivationSource.Columns"/>
    public IReadOnlyList<SourceColumn> Columns { get; }

    /// <inheritdoc/>
    public long? RowsPerRound => _index.Rows;

    /// <inheritdoc/>
    public string Fingerprint { get; }

    long IRowPieces.Rows => _index.Rows;

    /// <summary>Opens a finished harvest; headers and sizes of all files are checked.</summary>
    /// <exception cref="CheckpointException">It is not finished, was changed, or a file is damaged.</exception>
    /// <exception cref="OptionsException">It does not have a column.</exception>
    public static ShardSource Open(string folder, ShardOptions? options = null)
    {
        var index = HarvestIndex.Read(folder);
        if (!index.Finished)
            throw new CheckpointException($"The harvest in '{folder}' is not finished: {index.Shards.Count} of {index.Settings.Shards} files are there. Run the same harvest again; it goes on where it ended.");
        var source = new ShardSource(folder, index, options ?? new ShardOptions());
        try
        {
            for (var k = 0; k < index.Shards.Count; k++) source.Add(ShardFile.Open(folder, k, index, source.Columns));
            return source;
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public IEnumerable<ActivationBatch> Open(int batchRows, Cursor from, CancellationToken stop) => RowBatches.Open(this, batchRows, from, stop);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var shard in _shards) shard.Dispose();
    }

    IEnumerable<RowPiece> IRowPieces.From(long round, long row, long limit, CancellationToken stop)
    {
        for (; ; round++, row = 0)
        {
            var order = new BlockOrder(_blocks, _seed, round, _windowRows);
            for (var window = order.WindowAt(row); window < order.Windows && order.StartOf(window) < limit; window++)
            {
                stop.ThrowIfCancellationRequested();
                yield return Load(order, window, round);
            }
        }
    }

    private void Add(ShardFile shard)
    {
        for (long start = 0; start < shard.Rows; start += _index.Settings.BlockRows)
            _blocks.Add(new RowBlock(_shards.Count, (int)(start / _index.Settings.BlockRows), (int)Math.Min(_index.Settings.BlockRows, shard.Rows - start)));
        _shards.Add(shard);
    }

    private RowPiece Load(BlockOrder order, int window, long round)
    {
        var blocks = order.BlocksOf(window);
        var starts = new int[blocks.Length];
        for (var k = 1; k < starts.Length; k++) starts[k] = starts[k - 1] + blocks.Span[k - 1].Rows;
        var matrices = new Dictionary<string, Tensor>(StringComparer.Ordinal);
        try
        {
            foreach (var column in Columns)
            {
                var matrix = empty([order.RowsOf(window), column.Width], _index.Settings.Dtype.NativeType()).DetachFromDisposeScope();
                matrices.Add(column.Name, matrix);
                var rowBytes = (int)(column.Width * matrix.ElementSize);
                Parallel.For(0, starts.Length, k =>
                {
                    var block = blocks.Span[k];
                    _shards[block.Shard].Read(column.Name, block.Number, matrix.bytes.Slice(starts[k] * rowBytes, block.Rows * rowBytes));
                });
            }
            return new RowPiece(matrices, Shuffle.Rows(order.RowsOf(window), _seed, round, window), round, order.StartOf(window));
        }
        catch (Exception error)
        {
            foreach (var matrix in matrices.Values) matrix.Dispose();
            if (error is AggregateException { InnerExceptions: [CheckpointException first, ..] }) ExceptionDispatchInfo.Throw(first);
            throw;
        }
    }
}
