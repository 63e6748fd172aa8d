using System.Text;

namespace Prisma.Text;

/// <summary>
/// A single-byte encoding that text may wrongly have been read with. The sloppy ones pass unassigned bytes through as Latin-1 and
/// write U+FFFD, a byte already lost, as 0x1A.
/// </summary>
internal sealed class SingleByteEncoding
{
    public const byte Lost = 0x1A;

    private readonly char[] _characters = new char[256];
    private readonly Dictionary<char, byte> _bytes = [];

    private SingleByteEncoding(int codePage, bool sloppy)
    {
        IsSloppy = sloppy;
        IsMacRoman = codePage == 10000;
        var encoding = CodePagesEncodingProvider.Instance.GetEncoding(codePage) ?? Encoding.GetEncoding(codePage);
        byte[] one = [0];
        for (var i = 0; i < 256; i++)
        {
            one[0] = (byte)i;
            var c = encoding.GetString(one)[0];
            // .NET marks unassigned bytes by private characters; 0xF8FF is the apple of MacRoman.
            if (c is >= '\uE000' and < '\uF8FF') c = (char)i;
            if (c == '\u2126') c = '\u03A9';               // MacRoman's omega: the letter, not the ohm sign
            _characters[i] = sloppy && i == Lost ? '\uFFFD' : c;
            _bytes[_characters[i]] = (byte)i;
        }
    }

    public static SingleByteEncoding Latin1 { get; } = new(28591, sloppy: false);
    public static SingleByteEncoding Windows1252 { get; } = new(1252, sloppy: true);

    /// <summary>In the order of trial, the likely ones first.</summary>
    public static IReadOnlyList<SingleByteEncoding> All { get; } =
    [
        Latin1, Windows1252, new(1251, true), new(1250, true), new(1253, true), new(1254, true), new(1257, true),
        new(28592, false), new(10000, false), new(437, false),
    ];

    public bool IsSloppy { get; }
    public bool IsMacRoman { get; }

    public char this[byte value] => _characters[value];

    /// <summary>The bytes of <paramref name="text"/>, or null where it cannot have come from this encoding.</summary>
    public byte[]? TryEncode(string text)
    {
        var bytes = new byte[text.Length];
        for (var i = 0; i < bytes.Length; i++)
        {
            if (!_bytes.TryGetValue(text[i], out bytes[i])) return null;
        }
        return bytes;
    }

    /// <summary>Whether the code page itself assigns the byte, and does not merely pass it through.</summary>
    public bool Assigns(byte value) => value < 0x80 || _characters[value] != value || value >= 0xA0;
}
