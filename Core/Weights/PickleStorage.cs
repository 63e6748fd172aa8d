namespace Prisma.Core;

/// <summary>A torch storage: the flat memory that tensors are views of.</summary>
internal sealed class PickleStorage(StoredType type, ByteStore bytes, bool bigEndian) : PickleValue
{
    public StoredType Type => type;

    public ByteStore Bytes => bytes;

    public bool BigEndian => bigEndian;

    public override string Kind => $"a storage of {bytes.Length} bytes";

    /// <summary>The storage itself as a tensor of one dimension.</summary>
    public StoredTensor ToTensor() =>
        new("", type, TensorLayout.Contiguous(bytes.Label, [bytes.Length / type.ItemSize()]), bytes, bigEndian);
}
