namespace Prisma.Core;

/// <summary>Bytes that are in memory already: an unpacked file, or an array inside a pickle.</summary>
internal sealed class MemoryBytes(string label, ReadOnlyMemory<byte> bytes) : ByteStore(label, bytes.Length)
{
    protected override void ReadCore(long offset, Span<byte> into) => bytes.Span.Slice((int)offset, into.Length).CopyTo(into);

    protected override ByteStore SliceCore(long offset, long length) => new MemoryBytes(Label, bytes.Slice((int)offset, (int)length));
}
