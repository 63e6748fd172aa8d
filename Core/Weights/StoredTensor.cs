namespace Prisma.Core;

/// <summary>
/// One tensor of a checkpoint: name, type and shape are known, the values are read when asked for. Strides, storage offsets and foreign
/// byte orders are resolved: what comes out is row-major and little-endian. Borrowed from its <see cref="TensorSource"/>, which must be open.
/// </summary>
public sealed class StoredTensor
{
    // A view may repeat its elements (stride 0), so its size does not follow from the file's; such tensors are small in honest files.
    private const long MaxRepeatedBytes = 256L << 20;

    private readonly ByteStore _storage;
    private readonly TensorLayout _layout;
    private readonly bool _bigEndian;

    internal StoredTensor(string name, StoredType type, TensorLayout layout, ByteStore storage, bool bigEndian = false)
    {
        Name = name;
        Type = type;
        _layout = layout;
        _storage = storage;
        _bigEndian = bigEndian && type.WordSize() > 1;
        if ((Int128)(layout.Offset + layout.Extent) * type.ItemSize() > storage.Length)
            throw new CheckpointException($"{storage.Label}: tensor '{name}' needs {(Int128)(layout.Offset + layout.Extent) * type.ItemSize()} bytes, its storage has {storage.Length}.");
    }

    /// <summary>Its name in the file, nested keys joined by dots.</summary>
    public string Name { get; }

    /// <summary>The element type on disk.</summary>
    public StoredType Type { get; }

    /// <summary>Sizes; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape => _layout.Shape;

    /// <summary>Number of elements.</summary>
    public long Count => _layout.Count;

    /// <summary>Bytes of the resolved, row-major form.</summary>
    public long ByteCount => Count * Type.ItemSize();

    /// <summary>Whether the values lie row-major in the file; others are rearranged while reading.</summary>
    public bool IsContiguous => _layout.IsContiguous;

    internal TensorLayout Layout => _layout;

    internal ByteStore Storage => _storage;

    internal bool BigEndian => _bigEndian;

    /// <summary>The same tensor under another name.</summary>
    public StoredTensor Renamed(string name) => new(name, Type, _layout, _storage, _bigEndian);

    /// <summary>Some steps of the first axis as a tensor of their own; nothing is read yet.</summary>
    /// <exception cref="ShapeException">There is no such axis, or it is shorter.</exception>
    public StoredTensor Rows(long start, long count)
    {
        if (Shape.Count == 0 || start < 0 || count < 0 || start > Shape[0] - count)
            throw new ShapeException($"{_storage.Label}: tensor {this} does not have the rows {start} to {start + count - 1}.");
        long[] shape = [count, .. Shape.Skip(1)];
        var offset = _layout.Offset + start * _layout.Strides[0];
        return new StoredTensor(Name, Type, IsContiguous
            ? TensorLayout.Contiguous(Name, shape, offset)
            : TensorLayout.Strided(Name, shape, _layout.Strides, offset, _storage.Length / Type.ItemSize()), _storage, _bigEndian);
    }

    /// <summary>Fills the span with the row-major, little-endian values.</summary>
    /// <exception cref="ShapeException">The span is not <see cref="ByteCount"/> long.</exception>
    /// <exception cref="CheckpointException">The file cannot be read, or has shrunk since it was opened.</exception>
    public void CopyTo(Span<byte> destination)
    {
        if (destination.Length != ByteCount)
            throw new ShapeException($"Tensor '{Name}' has {ByteCount} bytes, the destination {destination.Length}.");
        if (destination.IsEmpty) return;
        var item = Type.ItemSize();
        if (IsContiguous)
        {
            ReadPiece(0, destination);
            return;
        }

        CheckRepetition();
        var extent = _layout.Extent * item;
        if (extent > Array.MaxLength) throw new CheckpointException($"{_storage.Label}: tensor '{Name}' is strided over {extent} bytes; such a size can only be read as a tensor.");
        Strided.Gather(_storage.ReadArray(_layout.Offset * item, (int)extent), destination, _layout, item);
        if (_bigEndian) Strided.SwapBytes(destination, Type.WordSize());
    }

    /// <summary>The row-major, little-endian values as a new array (at most 2 GB).</summary>
    public byte[] ToBytes()
    {
        CheckRepetition();
        if (ByteCount > Array.MaxLength) throw new PrismaException($"Tensor '{Name}' has {ByteCount} bytes: too many for one array; read it as a tensor.");
        var bytes = new byte[ByteCount];
        CopyTo(bytes);
        return bytes;
    }

    /// <summary>Writes the row-major, little-endian values to a stream; contiguous ones in pieces, without holding them all.</summary>
    public void CopyTo(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!IsContiguous)
        {
            stream.Write(ToBytes());
            return;
        }

        const int Piece = 1 << 20;
        var buffer = new byte[(int)Math.Min(Piece, ByteCount)];
        for (long done = 0; done < ByteCount; done += buffer.Length)
        {
            var piece = buffer.AsSpan(0, (int)Math.Min(buffer.Length, ByteCount - done));
            ReadPiece(done, piece);
            stream.Write(piece);
        }
    }

    /// <summary>Every value widened to double (real parts of complex types): for small tensors such as scalars and indices.</summary>
    public double[] ToDoubles()
    {
        var bytes = ToBytes();
        var item = Type.ItemSize();
        var values = new double[Count];
        for (var i = 0; i < values.Length; i++) values[i] = Type.ToDouble(bytes.AsSpan(i * item, item));
        return values;
    }

    /// <summary>The value of a tensor with one element.</summary>
    /// <exception cref="ShapeException">It has none, or several.</exception>
    public double ToScalar() => Count == 1
        ? ToDoubles()[0]
        : throw new ShapeException($"Tensor '{Name}' has shape [{string.Join(", ", Shape)}]; a single value is needed.");

    /// <summary>Name, type and shape, as in <c>W_enc F32[768, 16384]</c>.</summary>
    public override string ToString() => $"{Name} {Type}[{string.Join(", ", Shape)}]";

    /// <summary>A part of a contiguous tensor's bytes; it begins and ends between elements.</summary>
    internal void ReadPiece(long start, Span<byte> destination)
    {
        _storage.Read(_layout.Offset * Type.ItemSize() + start, destination);
        if (_bigEndian) Strided.SwapBytes(destination, Type.WordSize());
    }

    internal void CheckRepetition()
    {
        if (Count > _layout.Extent && ByteCount > MaxRepeatedBytes)
            throw new CheckpointException($"{_storage.Label}: tensor '{Name}' repeats {_layout.Extent} stored elements to {Count}; more than {MaxRepeatedBytes >> 20} MB of repetition is refused.");
    }
}
