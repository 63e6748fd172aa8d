namespace Prisma.Core;

/// <summary>
/// Shape and strides (in elements) of a tensor over a storage, checked once: every index lies within the storage, no product overflows.
/// </summary>
internal sealed class TensorLayout
{
    private const int MaxRank = 64;

    private TensorLayout(long[] shape, long[] strides, long offset, long count)
    {
        Shape = shape;
        Strides = strides;
        Offset = offset;
        Count = count;
        IsContiguous = count <= 1 || strides.AsSpan().SequenceEqual(RowMajor(shape)) || SameButForOnes(shape, strides);
        Extent = count == 0 ? 0 : 1 + shape.Zip(strides, (size, stride) => (size - 1) * stride).Sum();
    }

    public long[] Shape { get; }

    public long[] Strides { get; }

    /// <summary>First element in the storage.</summary>
    public long Offset { get; }

    public long Count { get; }

    public bool IsContiguous { get; }

    /// <summary>Elements of the storage from the first to the last one used.</summary>
    public long Extent { get; }

    /// <summary>A row-major layout; its size is not checked against any storage.</summary>
    public static TensorLayout Contiguous(string what, long[] shape, long offset = 0) =>
        new(shape, RowMajor(shape), offset, CountOf(what, shape));

    /// <summary>A column-major layout.</summary>
    public static TensorLayout ColumnMajor(string what, long[] shape)
    {
        var count = CountOf(what, shape);
        var strides = RowMajor([.. shape.Reverse()]);
        Array.Reverse(strides);
        return new TensorLayout(shape, strides, 0, count);
    }

    /// <summary>Any layout over a storage of <paramref name="available"/> elements.</summary>
    public static TensorLayout Strided(string what, long[] shape, long[] strides, long offset, long available)
    {
        var count = CountOf(what, shape);
        if (strides.Length != shape.Length)
            throw new CheckpointException($"{what}: {shape.Length} sizes but {strides.Length} strides.");
        if (offset < 0 || strides.Any(stride => stride < 0))
            throw new CheckpointException($"{what}: negative offset or stride.");
        Int128 last = offset;
        for (var i = 0; i < shape.Length; i++) last += (Int128)Math.Max(0, shape[i] - 1) * strides[i];
        if (count > 0 && last >= available)
            throw new CheckpointException($"{what}: shape [{string.Join(", ", shape)}], strides [{string.Join(", ", strides)}], offset {offset} reach element {last}, but the storage has {available}.");
        return new TensorLayout(shape, strides, count == 0 ? 0 : offset, count);
    }

    /// <summary>The product of the sizes, without overflow.</summary>
    public static long CountOf(string what, IReadOnlyList<long> shape)
    {
        if (shape.Count > MaxRank) throw new CheckpointException($"{what}: {shape.Count} dimensions; at most {MaxRank} are possible.");
        var count = 1L;
        var empty = false;
        foreach (var size in shape)
        {
            if (size < 0) throw new CheckpointException($"{what}: negative size {size}.");
            empty |= size == 0;
            if (size != 0 && count > long.MaxValue / 16 / size)
                throw new CheckpointException($"{what}: shape [{string.Join(", ", shape)}] has more elements than can be counted.");
            if (size != 0) count *= size;
        }

        return empty ? 0 : count;
    }

    /// <summary>
    /// The axes from the slowest to the fastest, if the elements lie densely in the storage in some order of axes (a transposed matrix, for
    /// one); null otherwise.
    /// </summary>
    public int[]? StorageOrder()
    {
        var order = Enumerable.Range(0, Shape.Length).OrderByDescending(axis => Strides[axis]).ThenByDescending(axis => Shape[axis]).ToArray();
        var dense = RowMajor([.. order.Select(axis => Shape[axis])]);
        for (var i = 0; i < order.Length; i++)
        {
            if (Shape[order[i]] > 1 && Strides[order[i]] != dense[i]) return null;
        }

        return order;
    }

    private static long[] RowMajor(ReadOnlySpan<long> shape)
    {
        var strides = new long[shape.Length];
        var step = 1L;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = step;
            step *= Math.Max(1, shape[i]);
        }

        return strides;
    }

    // The stride of a dimension of size one says nothing.
    private static bool SameButForOnes(long[] shape, long[] strides)
    {
        var rowMajor = RowMajor(shape);
        for (var i = 0; i < shape.Length; i++)
        {
            if (shape[i] > 1 && strides[i] != rowMajor[i]) return false;
        }

        return true;
    }
}
