using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text;

namespace Prisma.Core;

/// <summary>Reads the arguments of pickle opcodes from a store, through a small window: the data behind a pickle stays where it is.</summary>
internal sealed class PickleReader(ByteStore store, long start)
{
    private const int MaxLine = 1 << 20;
    private const int MaxIntegerBytes = 4096;
    private const int MaxIntegerDigits = 4300;

    private readonly byte[] _window = new byte[1 << 14];
    private long _windowAt;
    private int _windowLength;

    /// <summary>Where the next byte is, in the store.</summary>
    public long Position { get; private set; } = start;

    public string Label => store.Label;

    public long Remaining => store.Length - Position;

    public CheckpointException Bad(string why) => new($"'{store.Label}': the pickle is damaged at byte {Position}: {why}.");

    public byte Byte()
    {
        Need(1);
        var offset = Position - _windowAt;
        if (offset < 0 || offset >= _windowLength)
        {
            _windowAt = Position;
            _windowLength = (int)Math.Min(_window.Length, Remaining);
            store.Read(Position, _window.AsSpan(0, _windowLength));
            offset = 0;
        }

        Position++;
        return _window[offset];
    }

    public int UInt16()
    {
        Span<byte> bytes = stackalloc byte[2];
        Fill(bytes);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    public int Int32()
    {
        Span<byte> bytes = stackalloc byte[4];
        Fill(bytes);
        return BinaryPrimitives.ReadInt32LittleEndian(bytes);
    }

    public long UInt32() => (uint)Int32();

    public long Int64()
    {
        Span<byte> bytes = stackalloc byte[8];
        Fill(bytes);
        return BinaryPrimitives.ReadInt64LittleEndian(bytes);
    }

    /// <summary>A length of 8 bytes.</summary>
    public long Length64()
    {
        var length = Int64();
        return length >= 0 ? length : throw Bad("a negative length");
    }

    public double Double()
    {
        Span<byte> bytes = stackalloc byte[8];
        Fill(bytes);
        return BinaryPrimitives.ReadDoubleBigEndian(bytes);
    }

    /// <summary>A part of the store, left where it is.</summary>
    public ByteStore Part(long length)
    {
        Need(length);
        var part = store.Slice(Position, length);
        Position += length;
        return part;
    }

    public string Utf8(long length) => Encoding.UTF8.GetString(Array(length));

    /// <summary>Python 2's byte strings, which mean text here.</summary>
    public string Latin1(long length) => Encoding.Latin1.GetString(Array(length));

    /// <summary>A little-endian two's complement number.</summary>
    public PickleScalar Integer(long length)
    {
        if (length > MaxIntegerBytes) throw Bad($"a whole number of {length} bytes");
        return Narrow(new BigInteger(Array(length)));
    }

    /// <summary>Text up to the next line break.</summary>
    public string Line() => Line(Encoding.UTF8);

    private string Line(Encoding encoding)
    {
        var bytes = new List<byte>();
        for (var b = Byte(); b != '\n'; b = Byte())
        {
            if (bytes.Count == MaxLine) throw Bad("a line without end");
            bytes.Add(b);
        }

        if (bytes.Count > 0 && bytes[^1] == '\r') bytes.RemoveAt(bytes.Count - 1);
        return encoding.GetString([.. bytes]);
    }

    public PickleScalar IntegerLine() => IntegerLine(out _);

    public PickleScalar IntegerLine(out string text)
    {
        text = Line();
        var line = text.TrimEnd('L');
        if (line.Length > MaxIntegerDigits || !BigInteger.TryParse(line, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)) throw Bad("a number was expected");
        return Narrow(value);
    }

    public double DoubleLine() => Line() switch
    {
        "inf" => double.PositiveInfinity,
        "-inf" => double.NegativeInfinity,
        "nan" => double.NaN,
        var line => double.TryParse(line, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : throw Bad("a number was expected"),
    };

    /// <summary>A quoted string with Python's escapes, as protocol 0 writes it.</summary>
    public string QuotedLine()
    {
        var line = Line(Encoding.Latin1).Trim();
        if (line.Length < 2 || line[0] is not ('\'' or '"') || line[^1] != line[0]) throw Bad("a quoted string was expected");
        return Unescape(line[1..^1], all: true);
    }

    /// <summary>Text in which only \uXXXX and \UXXXXXXXX are escapes, as protocol 0 writes it.</summary>
    public string RawUnicodeLine() => Unescape(Line(Encoding.Latin1), all: false);

    private static PickleScalar Narrow(BigInteger value) =>
        value >= long.MinValue && value <= long.MaxValue ? new PickleScalar((long)value) : new PickleScalar(value);

    private string Unescape(string text, bool all)
    {
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] != '\\' || i + 1 == text.Length)
            {
                result.Append(text[i]);
                continue;
            }

            var code = text[++i];
            switch (code)
            {
                case 'u': Hex(4); break;
                case 'U': Hex(8); break;
                case 'x' when all: Hex(2); break;
                case 'n' when all: result.Append('\n'); break;
                case 't' when all: result.Append('\t'); break;
                case 'r' when all: result.Append('\r'); break;
                case '\\' or '\'' or '"' when all: result.Append(code); break;
                default: result.Append('\\').Append(code); break;
            }

            void Hex(int digits)
            {
                if (i + digits >= text.Length || !uint.TryParse(text.AsSpan(i + 1, digits), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var point) || point > 0x10FFFF)
                    throw Bad("an escape that is no character");
                if (point is >= 0xD800 and <= 0xDFFF or < 0x10000) result.Append((char)point);
                else result.Append(char.ConvertFromUtf32((int)point));
                i += digits;
            }
        }

        return result.ToString();
    }

    private byte[] Array(long length)
    {
        Need(length);
        if (length > System.Array.MaxLength) throw Bad($"a text of {length} bytes");
        var bytes = store.ReadArray(Position, (int)length);
        Position += length;
        return bytes;
    }

    private void Fill(Span<byte> bytes)
    {
        for (var i = 0; i < bytes.Length; i++) bytes[i] = Byte();
    }

    private void Need(long length)
    {
        if (length < 0 || length > Remaining)
            throw new CheckpointException($"'{store.Label}' ends at byte {store.Length} in the middle of its pickle ({length} more bytes were expected at {Position}). It is truncated or damaged.");
    }
}
