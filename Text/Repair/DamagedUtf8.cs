using System.Text;
using System.Text.Unicode;

namespace Prisma.Text;

/// <summary>Byte sequences that were UTF-8 before something on the way changed a byte or two, and the dialects of UTF-8.</summary>
internal static class DamagedUtf8
{
    private const byte Space = 0x20, NoBreakSpace = 0xA0, Question = (byte)'?';

    private delegate int Matcher(ReadOnlySpan<byte> bytes);

    /// <summary>Puts back byte A0 where a program took it for a blank: "à" is C3 A0 and becomes C3 20.</summary>
    public static byte[] RestoreNoBreakSpaces(byte[] bytes)
    {
        if (!Any(bytes, Blanked)) return bytes;
        var grave = Replace(bytes, LoneGrave, _ => [0xC3, NoBreakSpace, Space]);
        return Replace(grave, Blanked, match =>
        {
            var restored = match.ToArray();
            restored.AsSpan().Replace(Space, NoBreakSpace);
            return restored;
        });
    }

    /// <summary>Replaces sequences of which a byte is lost (0x1A, sometimes '?') by the encoding of U+FFFD.</summary>
    public static byte[] ReplaceLossy(byte[] bytes) => Replace(bytes, Lossy, _ => [0xEF, 0xBF, 0xBD]);

    /// <summary>
    /// Strict UTF-8, or null. Where byte ED or C0 occurs, surrogate pairs written as two three-byte sequences (CESU-8) and the
    /// two-byte zero of Java are read too.
    /// </summary>
    public static string? TryDecode(byte[] bytes)
    {
        if (bytes.AsSpan().ContainsAny((byte)0xED, (byte)0xC0))
            bytes = Replace(bytes, Variant, match => match.Length == 2 ? [0] : Encoding.UTF8.GetBytes(SurrogatePair(match)));
        return Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : null;
    }

    private static string SurrogatePair(ReadOnlySpan<byte> six) =>
        char.ConvertFromUtf32(0x10000 + ((six[1] & 0x0F) << 16) + ((six[2] & 0x3F) << 10) + ((six[4] & 0x0F) << 6) + (six[5] & 0x3F));

    private static int Variant(ReadOnlySpan<byte> b)
    {
        if (b is [0xC0, 0x80, ..]) return 2;
        return b is [0xED, >= 0xA0 and <= 0xAF, >= 0x80 and <= 0xBF, 0xED, >= 0xB0 and <= 0xBF, >= 0x80 and <= 0xBF, ..] ? 6 : 0;
    }

    // "Ã " as a word of its own was "à " with both blanks merged; not before the Portuguese "àquele" and its like, nor "às".
    private static int LoneGrave(ReadOnlySpan<byte> b)
    {
        if (b is not [0xC3, Space, ..]) return 0;
        var rest = b[2..];
        return rest.StartsWith(" "u8) || rest.StartsWith("quele"u8) || rest.StartsWith("quela"u8)
            || rest.StartsWith("quilo"u8) || rest.StartsWith("s "u8) ? 0 : 2;
    }

    private static int Blanked(ReadOnlySpan<byte> b)
    {
        if (b.Length < 2) return 0;
        if (b[0] is 0xC2 or 0xC3 or 0xC5 or 0xCE or 0xD0 or 0xD9 && b[1] == Space) return 2;
        if (b.Length < 3) return 0;
        if (b[0] is 0xE2 or 0xE3 && b[1] == Space && IsLikely(b[2])) return 3;
        if (b[0] is >= 0xE0 and <= 0xE3 && IsLikely(b[1]) && b[2] == Space) return 3;
        if (b.Length < 4 || b[0] != 0xF0) return 0;
        var blanks = b[1..4].Count(Space);
        return blanks == 1 && Continuations(b[1..4], Space) == 3 ? 4 : 0;

        // 85 is often a real ellipsis, A0 after the lead byte leads to rare scripts.
        static bool IsLikely(byte value) => IsContinuation(value) && value is not (0x85 or NoBreakSpace);
    }

    private static int Lossy(ReadOnlySpan<byte> b)
    {
        if (b[0] == SingleByteEncoding.Lost) return 1;
        if (b.Length >= 2 && b[0] is >= 0xC2 and <= 0xDF && b[1] == SingleByteEncoding.Lost) return 2;
        if (b.Length >= 2 && b[0] is 0xC2 or 0xC3 && b[1] == Question) return 2;
        if (b.Length >= 6 && IsLossyPair(b)) return 6;
        if (b.Length >= 3 && b[0] is >= 0xE0 and <= 0xEF && IsLossyTail(b[1..3])) return 3;
        return b.Length >= 4 && b[0] is >= 0xF0 and <= 0xF4 && IsLossyTail(b[1..4]) ? 4 : 0;
    }

    // At least one byte lost; at most one of them shown as '?'.
    private static bool IsLossyTail(ReadOnlySpan<byte> tail)
    {
        var lost = tail.Count(SingleByteEncoding.Lost);
        var questions = tail.Count(Question);
        return questions <= 1 && lost + questions > 0
            && Continuations(tail, SingleByteEncoding.Lost) + questions == tail.Length;
    }

    // A surrogate pair in CESU-8 that lost the last byte of a half.
    private static bool IsLossyPair(ReadOnlySpan<byte> b) =>
        b[0] == 0xED && b[1] is >= 0xA0 and <= 0xAF && b[3] == 0xED && b[4] is >= 0xB0 and <= 0xBF
        && (IsLost(b[2]) || IsContinuation(b[2])) && (IsLost(b[5]) || IsContinuation(b[5])) && (IsLost(b[2]) || IsLost(b[5]));

    private static bool IsLost(byte value) => value is SingleByteEncoding.Lost or Question;

    private static bool IsContinuation(byte value) => value is >= 0x80 and <= 0xBF;

    private static int Continuations(ReadOnlySpan<byte> bytes, byte orThis)
    {
        var count = 0;
        foreach (var value in bytes)
        {
            if (IsContinuation(value) || value == orThis) count++;
        }
        return count;
    }

    private static bool Any(byte[] bytes, Matcher matcher)
    {
        for (var i = 0; i < bytes.Length; i++)
        {
            if (matcher(bytes.AsSpan(i)) > 0) return true;
        }
        return false;
    }

    private delegate byte[] Replacement(ReadOnlySpan<byte> match);

    private static byte[] Replace(byte[] bytes, Matcher matcher, Replacement with)
    {
        var replaced = new List<byte>(bytes.Length);
        for (var i = 0; i < bytes.Length;)
        {
            var length = matcher(bytes.AsSpan(i));
            if (length > 0) replaced.AddRange(with(bytes.AsSpan(i, length)));
            else replaced.Add(bytes[i]);
            i += Math.Max(length, 1);
        }
        return [.. replaced];
    }
}
