namespace Prisma.Core;

/// <summary>
/// Bytes of a checkpoint, read on demand. Files are read with positioned reads into memory that the caller owns and are never mapped:
/// a file that shrinks under us is then an error, not the end of the process.
/// </summary>
internal abstract class ByteStore(string label, long length)
{
    /// <summary>The file, for messages.</summary>
    public string Label { get; } = label;

    public long Length { get; } = length;

    /// <summary>Whether reads at different places may run at the same time and cost the same.</summary>
    public virtual bool RandomAccess => true;

    /// <summary>Fills the span from the given offset; both lie within the store, or it is a <see cref="CheckpointException"/>.</summary>
    public void Read(long offset, Span<byte> into)
    {
        if (offset < 0 || offset > Length - into.Length)
            throw new CheckpointException($"{Label}: {into.Length} bytes at {offset} are beyond the end ({Length} bytes). The file is truncated or damaged.");
        if (!into.IsEmpty) ReadCore(offset, into);
    }

    /// <summary>A part as a store of its own; the part lies within this one, or it is a <see cref="CheckpointException"/>.</summary>
    public ByteStore Slice(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > Length - length)
            throw new CheckpointException($"{Label}: {length} bytes at {offset} are beyond the end ({Length} bytes). The file is truncated or damaged.");
        return SliceCore(offset, length);
    }

    /// <summary>A small part as an array; <paramref name="length"/> has been checked against <see cref="Length"/> by the call itself.</summary>
    public byte[] ReadArray(long offset, int length)
    {
        if (length < 0 || offset < 0 || offset > Length - length)
            throw new CheckpointException($"{Label}: {length} bytes at {offset} are beyond the end ({Length} bytes). The file is truncated or damaged.");
        var bytes = new byte[length];
        Read(offset, bytes);
        return bytes;
    }

    protected abstract void ReadCore(long offset, Span<byte> into);

    protected virtual ByteStore SliceCore(long offset, long length) => new SlicedBytes(this, offset, length);

    private sealed class SlicedBytes(ByteStore whole, long start, long length) : ByteStore(whole.Label, length)
    {
        public override bool RandomAccess => whole.RandomAccess;

        protected override void ReadCore(long offset, Span<byte> into) => whole.Read(start + offset, into);

        protected override ByteStore SliceCore(long offset, long length) => new SlicedBytes(whole, start + offset, length);
    }
}
