using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Codes with only the entries that are not zero, row by row. E entries: indices int64 [E] (which feature), values [E], row starts
/// int64 [rows + 1] (row r owns entries starts[r] to starts[r + 1]).
/// </summary>
public sealed class SparseCodes : Codes
{
    private readonly SparseRows _rows;
    private Tensor? _rowOfEntry;

    /// <summary>Takes over the entries.</summary>
    internal SparseCodes(SparseRows rows, int features) : base(rows.Rows, features) => _rows = rows.Detach();

    /// <summary>The feature of each entry: int64 [E]. Borrowed.</summary>
    public Tensor Indices => _rows.Indices;

    /// <summary>The value of each entry: [E]. Borrowed.</summary>
    public Tensor Values => _rows.Values;

    /// <summary>Where each row's entries start, and the end of the last: int64 [rows + 1]. Borrowed.</summary>
    public Tensor RowStarts => _rows.Starts;

    private Tensor RowOfEntry => _rowOfEntry ??= _rows.RowOfEntry().DetachFromDisposeScope();

    /// <summary>The entries of a matrix [rows, F] that are not zero.</summary>
    public static SparseCodes FromDense(Tensor dense)
    {
        using var scope = NewDisposeScope();
        using var places = dense.ne(0).nonzero();
        var starts = Starts(dense.ne(0).sum([1L]));
        return new SparseCodes(new SparseRows(starts, places.select(1, 1).contiguous(), dense.masked_select(dense.ne(0))), checked((int)dense.shape[1]));
    }

    /// <summary>The same number of candidates per row, zeros left out: values [rows, k] of the features [rows, k].</summary>
    public static SparseCodes FromRows(Tensor values, Tensor indices, int features)
    {
        using var scope = NewDisposeScope();
        var used = values.ne(0);
        return new SparseCodes(new SparseRows(Starts(used.sum([1L])), indices.masked_select(used), values.masked_select(used)), features);
    }

    /// <summary>Several batches of the same features one after another. The parts stay the caller's.</summary>
    internal static SparseCodes Concat(IReadOnlyList<SparseCodes> parts)
    {
        using var scope = NewDisposeScope();
        var counts = cat([.. parts.Select(part => part.ActivePerRow())]);
        return new SparseCodes(
            new SparseRows(Starts(counts), cat([.. parts.Select(part => part.Indices)]), cat([.. parts.Select(part => part.Values)])), parts[0].Features);
    }

    /// <inheritdoc/>
    public override Codes Slice(long start, long rows)
    {
        CheckSlice(start, rows);
        using var scope = NewDisposeScope();
        var starts = RowStarts.narrow(0, start, rows + 1);
        var (first, end) = (starts[0].item<long>(), starts[rows].item<long>());
        return new SparseCodes(
            new SparseRows(starts - first, Indices.narrow(0, first, end - first).clone(), Values.narrow(0, first, end - first).clone()), Features);
    }

    /// <inheritdoc/>
    public override Codes Mapped(Func<Tensor, Tensor> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        using var scope = NewDisposeScope();
        return new SparseCodes(new SparseRows(RowStarts.clone(), Indices.clone(), change(Values)), Features);
    }

    /// <inheritdoc/>
    public override Tensor ToDense()
    {
        using var scope = NewDisposeScope();
        var flat = zeros(Rows * Features, Values.dtype, Values.device);
        return flat.index_add(0, RowOfEntry * Features + Indices, Values, 1).view(Rows, Features).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Column(int feature)
    {
        CheckFeature(feature);
        using var scope = NewDisposeScope();
        var here = Indices.eq(feature);
        return zeros(Rows, Values.dtype, Values.device)
            .index_add(0, RowOfEntry.masked_select(here), Values.masked_select(here), 1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Times(Tensor featureRows)
    {
        CheckRows(featureRows);
        return SparseKernels.Decode(_rows, featureRows);
    }

    /// <inheritdoc/>
    public override Tensor ActivePerRow()
    {
        using var scope = NewDisposeScope();
        return (RowStarts.narrow(0, 1, Rows) - RowStarts.narrow(0, 0, Rows)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor ActivePerFeature() => Indices.bincount(null, Features);

    /// <inheritdoc/>
    public override Tensor SumPerFeature()
    {
        using var scope = NewDisposeScope();
        return zeros(Features, Values.dtype, Values.device).index_add(0, Indices, Values, 1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _rows.Dispose();
        _rowOfEntry?.Dispose();
    }

    private static Tensor Starts(Tensor counts) => cat([zeros(1, int64, device: counts.device), counts.cumsum(0)]);
}
