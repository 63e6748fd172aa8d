namespace Prisma.Core;

/// <summary>Bytes whose place is known only later: an old PyTorch file lists its storages behind the pickle that uses them.</summary>
internal sealed class LateBytes(string label, long length) : ByteStore(label, length)
{
    private ByteStore? _place;

    public bool IsPlaced => _place is not null;

    public void Place(ByteStore place) => _place = place;

    protected override void ReadCore(long offset, Span<byte> into) =>
        (_place ?? throw new CheckpointException($"'{Label}': a storage is missing. The file is truncated or damaged.")).Read(offset, into);
}
