using System.Buffers.Binary;

namespace Prisma.Core;

/// <summary>
/// Whether a JPEG reaches its end marker. Segments are stepped over by their length, so that a thumbnail's end inside one does not count;
/// within coded data only FF 00 and restart markers go on.
/// </summary>
internal static class JpegEnd
{
    private const byte EndOfImage = 0xD9, StartOfScan = 0xDA;

    public static bool IsThere(ReadOnlySpan<byte> bytes)
    {
        var at = 2;
        var inScan = false;
        while (at + 1 < bytes.Length)
        {
            if (inScan || bytes[at] != 0xFF)
            {
                var next = bytes[at..].IndexOf((byte)0xFF);
                if (next < 0 || at + next + 1 >= bytes.Length) return false;
                at += next;
            }

            var marker = bytes[at + 1];
            if (marker == EndOfImage) return true;
            if (marker == 0xFF)
            {
                at++;
            }
            else if (marker is 0x00 or 0x01 or (>= 0xD0 and <= 0xD8))
            {
                at += 2;
            }
            else
            {
                if (at + 3 >= bytes.Length) return false;
                inScan = marker == StartOfScan;
                at += 2 + BinaryPrimitives.ReadUInt16BigEndian(bytes[(at + 2)..]);
            }
        }

        return false;
    }
}
