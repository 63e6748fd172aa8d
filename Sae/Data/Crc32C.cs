using System.Numerics;
using System.Runtime.InteropServices;

namespace Prisma.Sae;

/// <summary>The checksum of Castagnoli, which processors compute about as fast as they copy.</summary>
internal static class Crc32C
{
    internal static uint Of(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        var words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (var word in words) crc = BitOperations.Crc32C(crc, word);
        foreach (var rest in bytes[(8 * words.Length)..]) crc = BitOperations.Crc32C(crc, rest);
        return ~crc;
    }
}
