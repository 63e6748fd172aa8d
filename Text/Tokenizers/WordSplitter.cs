using System.Globalization;
using System.Text;

namespace Prisma.Text;

/// <summary>
/// Cuts text into the words that BPE works on, as the patterns of CLIP and GPT-2 do. By code points: .NET's regular expressions see
/// UTF-16 units and know no letters beyond the first plane.
/// </summary>
internal static class WordSplitter
{
    private static readonly string[] Endings = ["s", "t", "re", "ve", "m", "ll", "d"];

    // CLIP's pattern ignores case, and by case this mark is a letter: the reference's "anything else" does not take it, its "letters"
    // neither. It is lost.
    private const char CombiningIota = '\u0345';

    private enum Kind { Space, Letter, Number, Other }

    /// <summary>CLIP: special tokens, English endings, runs of letters, single digits, runs of anything else; white space is dropped.</summary>
    public static IEnumerable<string> Clip(string text)
    {
        for (var at = 0; at < text.Length;)
        {
            var length = SpecialLength(text, at);
            if (length == 0) length = EndingLength(text, at, ignoreCase: true);
            if (length == 0)
            {
                var kind = KindAt(text, at, out length);
                if (text[at] == CombiningIota) kind = Kind.Space;
                if (kind is Kind.Letter or Kind.Other) length = RunLength(text, at, kind, dropsIota: true);
                if (kind == Kind.Space)
                {
                    at += length;
                    continue;
                }
            }
            yield return text.Substring(at, length);
            at += length;
        }
    }

    /// <summary>GPT-2: endings, runs of letters, digits or other characters with one blank before them, runs of white space.</summary>
    public static IEnumerable<string> Gpt2(string text)
    {
        for (var at = 0; at < text.Length;)
        {
            var length = EndingLength(text, at, ignoreCase: false);
            if (length == 0)
            {
                var blank = text[at] == ' ' && at + 1 < text.Length && KindAt(text, at + 1, out _) != Kind.Space ? 1 : 0;
                var kind = KindAt(text, at + blank, out _);
                length = blank + RunLength(text, at + blank, kind, dropsIota: false);
                // The last of several white spaces goes with the next word if it is a blank, else alone.
                if (kind == Kind.Space && at + length < text.Length && length > 1) length--;
            }
            yield return text.Substring(at, length);
            at += length;
        }
    }

    private static int SpecialLength(string text, int at)
    {
        if (text[at] != '<') return 0;
        return Starts(text, at, VocabularyReader.StartOfText) ? VocabularyReader.StartOfText.Length
            : Starts(text, at, VocabularyReader.EndOfText) ? VocabularyReader.EndOfText.Length : 0;
    }

    private static int EndingLength(string text, int at, bool ignoreCase)
    {
        if (text[at] != '\'') return 0;
        foreach (var ending in Endings)
        {
            if (ignoreCase ? Starts(text, at + 1, ending) : string.CompareOrdinal(text, at + 1, ending, 0, ending.Length) == 0) return ending.Length + 1;
        }
        return 0;
    }

    // Without regard to case, which for these words brings in one character beyond ASCII, the long s.
    private static bool Starts(string text, int at, string word)
    {
        if (at + word.Length > text.Length) return false;
        for (var i = 0; i < word.Length; i++)
        {
            var c = text[at + i] == 'ſ' ? 's' : char.ToLowerInvariant(text[at + i]);
            if (c != word[i]) return false;
        }
        return true;
    }

    private static int RunLength(string text, int start, Kind kind, bool dropsIota)
    {
        var at = start;
        while (at < text.Length && KindAt(text, at, out var length) == kind && !(dropsIota && text[at] == CombiningIota)) at += length;
        return at - start;
    }

    private static Kind KindAt(string text, int at, out int length)
    {
        _ = Rune.DecodeFromUtf16(text.AsSpan(at), out var rune, out length);
        if (Rune.IsWhiteSpace(rune)) return Kind.Space;
        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => Kind.Letter,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Kind.Number,
            _ => Kind.Other,
        };
    }
}
