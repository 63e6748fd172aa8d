using System.Buffers.Binary;

namespace Prisma.Core;

/// <summary>Whether a PNG reaches its last chunk, stepping from chunk to chunk by their lengths.</summary>
internal static class PngEnd
{
    private const int Signature = 8, AroundChunk = 12;

    public static bool IsThere(ReadOnlySpan<byte> bytes)
    {
        long at = Signature;
        while (at + AroundChunk <= bytes.Length)
        {
            var chunk = bytes[(int)at..];
            if (chunk[4..].StartsWith("IEND"u8)) return true;
            at += AroundChunk + BinaryPrimitives.ReadUInt32BigEndian(chunk);
        }

        return false;
    }
}
