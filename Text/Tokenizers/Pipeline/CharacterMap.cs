using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Prisma.Text;

/// <summary>
/// SentencePiece's precompiled map of characters to what they are normalised to: a double-array trie over UTF-8 (Yata's Darts-clone)
/// whose values point into a table of texts.
/// </summary>
internal sealed class CharacterMap
{
    private readonly uint[] _units;
    private readonly byte[] _texts;

    private CharacterMap(uint[] units, byte[] texts) => (_units, _texts) = (units, texts);

    public static CharacterMap Read(ReadOnlySpan<byte> bytes, Func<string, Exception> fault)
    {
        if (bytes.IsEmpty) return new CharacterMap([], []);
        var size = bytes.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        if (size < 4 || size % 4 != 0 || size > bytes.Length - 4) throw fault("the precompiled map of characters is damaged");
        var units = new uint[size / 4];
        for (var i = 0; i < units.Length; i++) units[i] = BinaryPrimitives.ReadUInt32LittleEndian(bytes[(4 + 4 * i)..]);
        return new CharacterMap(units, bytes[(4 + (int)size)..].ToArray());
    }

    /// <summary>The longest mapped prefix; its length is 0 where nothing is mapped.</summary>
    public (int Length, string Text) Longest(ReadOnlySpan<byte> text) => Find(text, longest: true);

    /// <summary>The text as Hugging Face's Precompiled normalizer has it: short graphemes as a whole, else character by character.</summary>
    public string ByGraphemes(string text)
    {
        var mapped = new StringBuilder(text.Length);
        for (var at = 0; at < text.Length;)
        {
            var length = StringInfo.GetNextTextElementLength(text, at);
            var grapheme = text.AsSpan(at, length);
            at += length;
            var bytes = Encoding.UTF8.GetBytes(grapheme.ToString());
            if (bytes.Length < 6 && Find(bytes, longest: false) is { Length: > 0 } whole)
            {
                mapped.Append(whole.Text);
                continue;
            }
            foreach (var rune in grapheme.EnumerateRunes())
            {
                var found = Find(Encoding.UTF8.GetBytes(rune.ToString()), longest: false);
                mapped.Append(found.Length > 0 ? found.Text : rune.ToString());
            }
        }
        return mapped.ToString();
    }

    private (int Length, string Text) Find(ReadOnlySpan<byte> text, bool longest)
    {
        var (length, value) = (0, 0u);
        if (_units.Length == 0) return (0, "");
        var at = Offset(_units[0]);
        for (var i = 0; i < text.Length; i++)
        {
            at ^= text[i];
            if (at >= _units.Length || (_units[at] & 0x800000FF) != text[i]) break;
            var unit = _units[at];
            at ^= Offset(unit);
            if ((unit >> 8 & 1) == 0 || at >= _units.Length) continue;
            (length, value) = (i + 1, _units[at] & 0x7FFFFFFF);
            if (!longest) break;
        }
        if (length == 0 || value >= _texts.Length) return (0, "");
        var rest = _texts.AsSpan((int)value);
        var end = rest.IndexOf((byte)0);
        return (length, Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]));
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 1u << 9) >> 6);
}
