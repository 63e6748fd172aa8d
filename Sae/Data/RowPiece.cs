using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>A stretch of rows of one round, held in memory as matrices and an order in which to take their rows. Owns its tensors.</summary>
internal sealed class RowPiece : IDisposable
{
    private readonly IReadOnlyDictionary<string, Tensor> _columns;
    private readonly Tensor _order;

    /// <param name="columns">Matrices [rows, width]; taken over.</param>
    /// <param name="order">Which row comes when.</param>
    /// <param name="round">The round through the data.</param>
    /// <param name="start">Where in the round the first row stands.</param>
    internal RowPiece(IReadOnlyDictionary<string, Tensor> columns, long[] order, long round, long start)
    {
        (_columns, Round, Start, Count) = (columns, round, start, order.Length);
        foreach (var matrix in columns.Values) matrix.DetachFromDisposeScope();
        _order = tensor(order).DetachFromDisposeScope();
    }

    internal long Round { get; }

    internal long Start { get; }

    internal long Count { get; }

    /// <summary>Rows of a column by their place in the round, as they are stored; a matrix of its own in the current scope.</summary>
    internal Tensor Take(string column, long from, long count)
    {
        using var rows = _order.narrow(0, from - Start, count);
        return _columns[column].index_select(0, rows);
    }

    public void Dispose()
    {
        foreach (var matrix in _columns.Values) matrix.Dispose();
        _order.Dispose();
    }
}
