using System.Text;

namespace Prisma.Text;

/// <summary>The pieces that a SentencePiece user defined: wherever they stand in a text they are one token, the longest first.</summary>
internal sealed class UserSymbols(IEnumerable<string> symbols)
{
    private readonly List<(string Text, byte[] Bytes)> _symbols = [.. symbols.Where(text => text.Length > 0).OrderByDescending(text => text.Length).Select(text => (text, Encoding.UTF8.GetBytes(text)))];

    /// <summary>The length in bytes of the symbol that a text begins with; 0 where there is none.</summary>
    public int LengthAt(ReadOnlySpan<byte> text)
    {
        foreach (var (_, bytes) in _symbols)
        {
            if (text.StartsWith(bytes)) return bytes.Length;
        }
        return 0;
    }

    /// <summary>The length in characters of the symbol that stands at a place; 0 where there is none.</summary>
    public int LengthAt(string text, int at)
    {
        foreach (var (symbol, _) in _symbols)
        {
            if (string.CompareOrdinal(text, at, symbol, 0, symbol.Length) == 0) return symbol.Length;
        }
        return 0;
    }
}
