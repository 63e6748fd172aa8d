using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Prisma.Core;

/// <summary>
/// The header of an .npy file, versions 1 to 3: magic, version, length, and a Python literal
/// <c>{'descr': '&lt;f4', 'fortran_order': False, 'shape': (3, 4), }</c>, padded. Nothing is evaluated.
/// </summary>
internal static class NpyHeader
{
    private const int MaxLength = 1 << 20;

    public static bool Recognises(ReadOnlySpan<byte> start) => start.Length >= 6 && start[0] == 0x93 && start[1..].StartsWith("NUMPY"u8);

    /// <summary>The tensor of a whole .npy file.</summary>
    public static StoredTensor Read(ByteStore file, string name)
    {
        var what = $"'{file.Label}': array '{name}'";
        if (file.Length < 12) throw new CheckpointException($"{what} is truncated: {file.Length} bytes are too few.");
        var start = file.ReadArray(0, 12);
        if (!Recognises(start)) throw new CheckpointException($"{what} is no npy file.");
        if (start[6] is < 1 or > 3) throw new CheckpointException($"{what} has version {start[6]}.{start[7]} of the npy format; 1 to 3 are known.");
        var lengthBytes = start[6] == 1 ? 2 : 4;
        long length = lengthBytes == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(start.AsSpan(8)) : BinaryPrimitives.ReadUInt32LittleEndian(start.AsSpan(8));
        var dataAt = 8 + lengthBytes + length;
        if (length > MaxLength || dataAt > file.Length)
            throw new CheckpointException($"{what}: the header claims {length} bytes of {file.Length}. The file is truncated or damaged.");
        var text = Encoding.UTF8.GetString(file.ReadArray(8 + lengthBytes, (int)length));
        var (descr, columnMajor, shape) = new Literal(what, text).ReadHeader();
        var (type, bigEndian) = NumpyTypes.Parse(what, descr);
        var layout = columnMajor ? TensorLayout.ColumnMajor(what, shape) : TensorLayout.Contiguous(what, shape);
        var size = layout.Count * type.ItemSize();
        if (size != file.Length - dataAt)
            throw new CheckpointException($"{what} of type {descr} and shape [{string.Join(", ", shape)}] needs {size} bytes, {file.Length - dataAt} are there. The file is truncated or damaged.");
        return new StoredTensor(name, type, layout, file.Slice(dataAt, size), bigEndian);
    }

    /// <summary>As much of Python's literals as a header uses.</summary>
    private sealed class Literal(string what, string text)
    {
        private int _at;

        public (string Descr, bool ColumnMajor, long[] Shape) ReadHeader()
        {
            string? descr = null;
            bool? columnMajor = null;
            long[]? shape = null;
            Expect('{');
            while (!Take('}'))
            {
                var key = String();
                Expect(':');
                switch (key)
                {
                    case "descr":
                        if (Peek() == '[') throw new CheckpointException($"{what} holds records with named fields; only plain number arrays are supported.");
                        descr = String();
                        break;
                    case "fortran_order":
                        columnMajor = Take("True") || (Take("False") ? false : throw Bad("True or False"));
                        break;
                    case "shape":
                        shape = Tuple();
                        break;
                    default:
                        throw Bad($"no key '{key}'");
                }

                if (!Take(','))
                {
                    Expect('}');
                    break;
                }
            }

            if (Peek() != '\0') throw Bad("the end");
            return (descr ?? throw Bad("'descr'"), columnMajor ?? throw Bad("'fortran_order'"), shape ?? throw Bad("'shape'"));
        }

        private long[] Tuple()
        {
            var values = new List<long>();
            Expect('(');
            while (!Take(')'))
            {
                var start = _at;
                while (_at < text.Length && char.IsAsciiDigit(text[_at])) _at++;
                if (!long.TryParse(text.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var value)) throw Bad("a size");
                values.Add(value);
                Take('L');
                if (Take(',')) continue;
                Expect(')');
                break;
            }

            return [.. values];
        }

        private string String()
        {
            var quote = Peek();
            if (quote is not ('\'' or '"')) throw Bad("a string");
            var end = text.IndexOf(quote, _at + 1);
            if (end < 0) throw Bad("the end of a string");
            var value = text[(_at + 1)..end];
            _at = end + 1;
            return value;
        }

        private char Peek()
        {
            while (_at < text.Length && char.IsWhiteSpace(text[_at])) _at++;
            return _at < text.Length ? text[_at] : '\0';
        }

        private bool Take(char c)
        {
            if (Peek() != c) return false;
            _at++;
            Peek();
            return true;
        }

        private bool Take(string word)
        {
            Peek();
            if (!text.AsSpan(_at).StartsWith(word, StringComparison.Ordinal)) return false;
            _at += word.Length;
            return true;
        }

        private void Expect(char c)
        {
            if (!Take(c)) throw Bad($"'{c}'");
        }

        private CheckpointException Bad(string expected) => new($"{what}: the npy header is damaged at character {_at}; {expected} expected.");
    }
}
