using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Codes with only the entries that are not zero, row by row. E entries: indices int64 [E] (which feature), values [E], row starts
/// int64 [rows + 1] (row r owns entries starts[r] to starts[r + 1]).
/// </summary>
public sealed class SparseCodes : Codes
{
    // Gathered feature rows of one piece of work: 64 MB of float32.
    private const long PieceElements = 16 << 20;

    private readonly Tensor _rowOfEntry;

    private SparseCodes(Tensor indices, Tensor values, Tensor rowOfEntry, long rows, int features) : base(rows, features)
    {
        Indices = indices.DetachFromDisposeScope();
        Values = values.DetachFromDisposeScope();
        _rowOfEntry = rowOfEntry.DetachFromDisposeScope();
        using var scope = NewDisposeScope();
        var ends = rowOfEntry.bincount(null, rows).cumsum(0);
        RowStarts = cat([zeros(1, int64, device: ends.device), ends]).DetachFromDisposeScope();
    }

    /// <summary>The feature of each entry: int64 [E]. Borrowed.</summary>
    public Tensor Indices { get; }

    /// <summary>The value of each entry: [E]. Borrowed.</summary>
    public Tensor Values { get; }

    /// <summary>Where each row's entries start, and the end of the last: int64 [rows + 1]. Borrowed.</summary>
    public Tensor RowStarts { get; }

    /// <summary>The entries of a matrix [rows, F] that are not zero.</summary>
    public static SparseCodes FromDense(Tensor dense)
    {
        using var scope = NewDisposeScope();
        using var places = dense.ne(0).nonzero();
        var (rows, indices) = (places.select(1, 0).contiguous(), places.select(1, 1).contiguous());
        return new SparseCodes(indices, dense.masked_select(dense.ne(0)), rows, dense.shape[0], checked((int)dense.shape[1]));
    }

    /// <summary>The same number of candidates per row, zeros left out: values [rows, k] of the features [rows, k].</summary>
    public static SparseCodes FromRows(Tensor values, Tensor indices, int features)
    {
        using var scope = NewDisposeScope();
        var used = values.ne(0);
        var row = arange(0, values.shape[0], device: values.device).unsqueeze(1).expand(values.shape);
        return new SparseCodes(indices.masked_select(used), values.masked_select(used), row.masked_select(used), values.shape[0], features);
    }

    /// <summary>Several batches of the same features one after another. The parts stay the caller's.</summary>
    internal static SparseCodes Concat(IReadOnlyList<SparseCodes> parts)
    {
        using var scope = NewDisposeScope();
        var rows = new List<Tensor>();
        long done = 0;
        foreach (var part in parts)
        {
            rows.Add(part._rowOfEntry + done);
            done += part.Rows;
        }
        return new SparseCodes(
            cat([.. parts.Select(part => part.Indices)]), cat([.. parts.Select(part => part.Values)]), cat(rows), done, parts[0].Features);
    }

    /// <inheritdoc/>
    public override Codes Slice(long start, long rows)
    {
        CheckSlice(start, rows);
        using var scope = NewDisposeScope();
        var first = RowStarts[start].item<long>();
        var length = RowStarts[start + rows].item<long>() - first;
        return new SparseCodes(
            Indices.narrow(0, first, length).clone(), Values.narrow(0, first, length).clone(), _rowOfEntry.narrow(0, first, length) - start, rows, Features);
    }

    /// <inheritdoc/>
    public override Codes Mapped(Func<Tensor, Tensor> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        using var scope = NewDisposeScope();
        return new SparseCodes(Indices.clone(), change(Values), _rowOfEntry.clone(), Rows, Features);
    }

    /// <inheritdoc/>
    public override Tensor ToDense()
    {
        using var scope = NewDisposeScope();
        var flat = zeros(Rows * Features, Values.dtype, Values.device);
        return flat.index_add(0, _rowOfEntry * Features + Indices, Values, 1).view(Rows, Features).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Column(int feature)
    {
        CheckFeature(feature);
        using var scope = NewDisposeScope();
        var here = Indices.eq(feature);
        return zeros(Rows, Values.dtype, Values.device)
            .index_add(0, _rowOfEntry.masked_select(here), Values.masked_select(here), 1).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor Times(Tensor featureRows)
    {
        CheckRows(featureRows);
        using var scope = NewDisposeScope();
        var width = featureRows.shape[1];
        var sum = zeros(Rows, width, Values.dtype, Values.device);
        var piece = Math.Max(1, PieceElements / width);
        for (long start = 0; start < Values.shape[0]; start += piece)
        {
            using var part = NewDisposeScope();
            var length = Math.Min(piece, Values.shape[0] - start);
            var written = featureRows.index_select(0, Indices.narrow(0, start, length)) * Values.narrow(0, start, length).unsqueeze(1);
            sum = sum.index_add(0, _rowOfEntry.narrow(0, start, length), written, 1).MoveToOuterDisposeScope();
        }
        return sum.MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override Tensor ActivePerRow() => _rowOfEntry.bincount(null, Rows);

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
        Indices.Dispose();
        Values.Dispose();
        RowStarts.Dispose();
        _rowOfEntry.Dispose();
    }
}
