namespace Prisma.Core;

/// <summary>A byte string; read when asked for.</summary>
public sealed class PickleBytes : PickleValue
{
    internal PickleBytes(ByteStore content) => Content = content;

    /// <summary>Number of bytes.</summary>
    public long Length => Content.Length;

    /// <inheritdoc/>
    public override string Kind => $"a string of {Length} bytes";

    internal ByteStore Content { get; }

    /// <summary>The bytes, read from the file.</summary>
    /// <exception cref="CheckpointException">They are more than one array holds, or the file cannot be read.</exception>
    public byte[] ToArray() => Length <= Array.MaxLength ? Content.ReadArray(0, (int)Length) : throw Not("a shorter byte string");
}
