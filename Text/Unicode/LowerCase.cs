using System.Globalization;
using System.Text;

namespace Prisma.Text;

/// <summary>
/// Lower case as Unicode's full mapping defines it (and Python's <c>str.lower</c> computes it): 'İ' becomes two characters and a
/// capital sigma becomes 'ς' at the end of a word. .NET's invariant mapping does neither.
/// </summary>
internal static class LowerCase
{
    private const char CapitalSigma = '\u03A3';

    public static string Of(string text)
    {
        var lower = new StringBuilder(text.Length);
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == CapitalSigma) lower.Append(EndsWord(text, at) ? '\u03C2' : '\u03C3');
            else if (rune.Value == 0x130) lower.Append("i\u0307");
            else lower.Append(Rune.ToLowerInvariant(rune).ToString());
            at += rune.Utf16SequenceLength;        // a lone surrogate reads as U+FFFD, also one char long
        }
        return lower.ToString();
    }

    // Final sigma: a cased letter before it and none after it, ignorable characters between not counted.
    private static bool EndsWord(string text, int sigma) => CasedBefore(text, sigma) && !CasedAfter(text, sigma + 1);

    private static bool CasedBefore(string text, int end)
    {
        while (end > 0)
        {
            _ = Rune.DecodeLastFromUtf16(text.AsSpan(0, end), out var rune, out var length);
            end -= length;
            if (!IsIgnorable(rune)) return IsCased(rune);
        }
        return false;
    }

    private static bool CasedAfter(string text, int start)
    {
        while (start < text.Length)
        {
            _ = Rune.DecodeFromUtf16(text.AsSpan(start), out var rune, out var length);
            start += length;
            if (!IsIgnorable(rune)) return IsCased(rune);
        }
        return false;
    }

    private static bool IsCased(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter => true,
        // Letters by property only: ordinal indicators, Roman numerals, circled and squared letters.
        _ => rune.Value is 0xAA or 0xBA or (>= 0x2160 and <= 0x217F) or (>= 0x24B6 and <= 0x24E9)
            or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189),
    };

    private static bool IsIgnorable(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol => true,
        // Punctuation that stands inside words.
        _ => rune.Value is '\'' or '.' or ':' or 0xB7 or 0x387 or 0x55F or 0x5F4 or 0x2018 or 0x2019 or 0x2024 or 0x2027
            or 0xFE13 or 0xFE52 or 0xFE55 or 0xFF07 or 0xFF0E or 0xFF1A,
    };
}
