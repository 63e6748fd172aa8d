using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Cuts stretches of rows into batches; the next stretch is made in another thread meanwhile. What is left of a round too short for a batch is skipped.</summary>
internal sealed class RowBatches : IDisposable
{
    private readonly IRowPieces _pieces;
    private readonly int _batchRows;
    private readonly Ahead<RowPiece> _ahead;
    private RowPiece? _piece;

    private RowBatches(IRowPieces pieces, int batchRows, long firstBatch, CancellationToken stop)
    {
        (_pieces, _batchRows) = (pieces, batchRows);
        PerRound = pieces.Rows / batchRows;
        _ahead = new Ahead<RowPiece>("activations",
            token => pieces.From(firstBatch / PerRound, firstBatch % PerRound * batchRows, PerRound * batchRows, token), stop);
    }

    private long PerRound { get; }

    /// <summary>The contract of <see cref="IActivationSource.Open"/>.</summary>
    internal static IEnumerable<ActivationBatch> Open(IRowPieces pieces, int batchRows, Cursor from, CancellationToken stop)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchRows, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(from.Rows);
        if (batchRows > pieces.Rows) throw new OptionsException($"A batch of {batchRows} rows needs more than the {pieces.Rows} rows of the data.");
        return Walk(pieces, batchRows, from.Rows / batchRows, stop);
    }

    public void Dispose()
    {
        _ahead.Dispose();
        _piece?.Dispose();
    }

    private static IEnumerable<ActivationBatch> Walk(IRowPieces pieces, int batchRows, long firstBatch, CancellationToken stop)
    {
        using var batches = new RowBatches(pieces, batchRows, firstBatch, stop);
        for (var batch = firstBatch; ; batch++)
        {
            stop.ThrowIfCancellationRequested();
            yield return batches.Make(batch);
        }
    }

    private ActivationBatch Make(long batch)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var (round, start) = (batch / PerRound, batch % PerRound * _batchRows);
        var parts = _pieces.Columns.ToDictionary(column => column.Name, _ => new List<Tensor>(), StringComparer.Ordinal);
        for (long done = 0, count; done < _batchRows; done += count)
        {
            var piece = At(round, start + done);
            count = Math.Min(_batchRows - done, piece.Start + piece.Count - start - done);
            foreach (var (column, rows) in parts) rows.Add(piece.Take(column, start + done, count));
        }
        return new ActivationBatch(
            parts.ToDictionary(part => part.Key, part => (part.Value.Count == 1 ? part.Value[0] : cat(part.Value)).to(ScalarType.Float32), StringComparer.Ordinal),
            new Cursor((batch + 1) * _batchRows));
    }

    private RowPiece At(long round, long row)
    {
        while (_piece is null || _piece.Round != round || _piece.Start + _piece.Count <= row)
        {
            _piece?.Dispose();
            _piece = null;  // before the next one is waited for: memory holds two at most
            _piece = _ahead.Next() ?? throw new InvalidOperationException("Rounds have no end.");
        }
        return _piece;
    }
}
