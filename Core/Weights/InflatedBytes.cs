using System.IO.Compression;

namespace Prisma.Core;

/// <summary>
/// A deflated member of a zip file. Reading forward continues where the last read ended; reading backward starts anew. Its length is the one
/// that the directory declares, and the data must have exactly that.
/// </summary>
internal sealed class InflatedBytes(ByteStore packed, string what, long length) : ByteStore(packed.Label, length), IDisposable
{
    private readonly Lock _lock = new();
    private DeflateStream? _stream;
    private long _position;

    public override bool RandomAccess => false;

    public void Dispose() => _stream?.Dispose();

    protected override void ReadCore(long offset, Span<byte> into)
    {
        lock (_lock)
        {
            try
            {
                if (_stream is null || offset < _position)
                {
                    Close();
                    _stream = new DeflateStream(new StoreStream(packed), CompressionMode.Decompress);
                    _position = 0;
                }

                Skip(offset - _position);
                _stream.ReadExactly(into);
                _position = offset + into.Length;
                if (_position == Length && _stream.ReadByte() >= 0)
                    throw new CheckpointException($"'{Label}': {what} unpacks to more than the {Length} bytes it declares. The file is damaged.");
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
            {
                Close();
                throw new CheckpointException($"'{Label}': {what} does not unpack to the {Length} bytes it declares. The file is damaged.", e);
            }

            if (_position == Length) Close();
        }
    }

    private void Close()
    {
        _stream?.Dispose();
        _stream = null;
    }

    private void Skip(long count)
    {
        Span<byte> waste = stackalloc byte[4096];
        while (count > 0)
        {
            var piece = (int)Math.Min(waste.Length, count);
            _stream!.ReadExactly(waste[..piece]);
            count -= piece;
        }
    }
}
