using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>The entries of a sparse matrix, row by row: row r owns entries starts[r] to starts[r + 1].</summary>
/// <param name="Starts">int64 [rows + 1].</param>
/// <param name="Indices">The column of each entry: int64 [E].</param>
/// <param name="Values">The value of each entry: [E].</param>
internal readonly record struct SparseRows(Tensor Starts, Tensor Indices, Tensor Values)
{
    /// <summary>Number of rows.</summary>
    internal long Rows => Starts.shape[0] - 1;

    /// <summary>Number of entries.</summary>
    internal long Count => Indices.shape[0];

    /// <summary>The same entries with other values.</summary>
    internal SparseRows With(Tensor values) => this with { Values = values };

    /// <summary>Which row each entry belongs to: int64 [E].</summary>
    internal Tensor RowOfEntry()
    {
        using var places = arange(0, Count, int64, Starts.device);
        using var after = searchsorted(Starts, places, right: true);
        return after.sub(1);
    }

    /// <summary>Some of the entries, at ascending places int64 [m].</summary>
    internal SparseRows At(Tensor places) => new(searchsorted(places, Starts), Indices.index_select(0, places), Values.index_select(0, places));

    /// <summary>The rows of several matrices of one width, below each other.</summary>
    internal static SparseRows Joined(IReadOnlyList<SparseRows> parts)
    {
        if (parts is [var only]) return only;
        var (starts, before) = (new List<Tensor> { parts[0].Starts.narrow(0, 0, 1) }, 0L);
        foreach (var part in parts)
        {
            starts.Add(part.Starts.narrow(0, 1, part.Rows) + before);
            before += part.Count;
        }
        return new SparseRows(cat(starts), cat([.. parts.Select(part => part.Indices)]), cat([.. parts.Select(part => part.Values)]));
    }

    /// <summary>Takes the tensors out of every scope.</summary>
    internal SparseRows Detach() => new(Starts.DetachFromDisposeScope(), Indices.DetachFromDisposeScope(), Values.DetachFromDisposeScope());

    /// <summary>Gives the tensors to the scope outside the current one.</summary>
    internal SparseRows MoveToOuterScope() =>
        new(Starts.MoveToOuterDisposeScope(), Indices.MoveToOuterDisposeScope(), Values.MoveToOuterDisposeScope());

    /// <summary>Disposes the tensors.</summary>
    internal void Dispose()
    {
        Starts.Dispose();
        Indices.Dispose();
        Values.Dispose();
    }
}
