using System.Text;

namespace Prisma.Text;

/// <summary>
/// The printable characters that byte-level vocabularies write bytes with: a byte that prints in Latin-1 is itself, the 68 others
/// are U+0100 onwards in order.
/// </summary>
public static class ByteAlphabet
{
    private static readonly char[] Characters = new char[256];
    private static readonly Dictionary<char, byte> Bytes = [];

    static ByteAlphabet()
    {
        var next = '\u0100';
        for (var value = 0; value < 256; value++)
        {
            var prints = value is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or >= 0xAE;
            Characters[value] = prints ? (char)value : next++;
            Bytes[Characters[value]] = (byte)value;
        }
    }

    /// <summary>The bytes in the order of OpenAI's vocabularies: those that print, then the others.</summary>
    public static IEnumerable<byte> PrintingFirst => Enumerable.Range(0, 256).Select(value => (byte)value).OrderBy(value => Characters[value]);

    /// <summary>The character that a byte is written with.</summary>
    public static char Show(byte value) => Characters[value];

    /// <summary>The UTF-8 bytes of a text, written out.</summary>
    public static string Write(string text)
    {
        var shown = new StringBuilder(text.Length);
        foreach (var value in Encoding.UTF8.GetBytes(text)) shown.Append(Show(value));
        return shown.ToString();
    }

    /// <summary>The bytes of what was written out, or null where a character stands for none.</summary>
    public static byte[]? TryRead(string shown)
    {
        var bytes = new byte[shown.Length];
        for (var i = 0; i < shown.Length; i++)
        {
            if (!Bytes.TryGetValue(shown[i], out bytes[i])) return null;
        }
        return bytes;
    }

    /// <summary>Back to text; characters outside the alphabet stay as they are.</summary>
    public static string Read(string shown)
    {
        var bytes = new List<byte>(shown.Length);
        foreach (var rune in shown.EnumerateRunes())
        {
            if (rune.IsBmp && Bytes.TryGetValue((char)rune.Value, out var value)) bytes.Add(value);
            else bytes.AddRange(Encoding.UTF8.GetBytes(rune.ToString()));
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }
}
