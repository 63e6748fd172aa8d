using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Prisma.Text;

/// <summary>
/// A regular expression over code points. .NET's see UTF-16 units, so a character beyond the first plane is searched as a stand-in of the
/// same category within it.
/// </summary>
internal sealed class PiecePattern(string expression)
{
    private static readonly Dictionary<UnicodeCategory, char> StandIns = new()
    {
        [UnicodeCategory.UppercaseLetter] = '\uA7B0',
        [UnicodeCategory.LowercaseLetter] = '\uAB53',
        [UnicodeCategory.TitlecaseLetter] = '\u01C5',
        [UnicodeCategory.ModifierLetter] = '\uA717',
        [UnicodeCategory.OtherLetter] = '\uA000',
        [UnicodeCategory.NonSpacingMark] = '\uA66F',
        [UnicodeCategory.SpacingCombiningMark] = '\u0903',
        [UnicodeCategory.EnclosingMark] = '\u20DD',
        [UnicodeCategory.DecimalDigitNumber] = '\uA620',
        [UnicodeCategory.LetterNumber] = '\u2160',
        [UnicodeCategory.OtherNumber] = '\u2460',
        [UnicodeCategory.DashPunctuation] = '\u2E3A',
        [UnicodeCategory.OpenPunctuation] = '\u2E28',
        [UnicodeCategory.ClosePunctuation] = '\u2E29',
        [UnicodeCategory.OtherPunctuation] = '\u2E2E',
        [UnicodeCategory.MathSymbol] = '\u2A00',
        [UnicodeCategory.CurrencySymbol] = '\u20BF',
        [UnicodeCategory.ModifierSymbol] = '\uA700',
        [UnicodeCategory.OtherSymbol] = '\u2603',
        [UnicodeCategory.Format] = '\u2060',
        [UnicodeCategory.PrivateUse] = '\uE000',
    };

    private const char Unassigned = '\u0378';

    private readonly Regex _regex = new(expression, RegexOptions.CultureInvariant | RegexOptions.Compiled);

    /// <summary>Where the pattern matches, from left to right, without overlap and without empty matches.</summary>
    public List<(int Start, int Length)> Find(string text)
    {
        var found = new List<(int, int)>();
        var (shown, starts) = StandIn(text);
        for (var match = _regex.Match(shown); match.Success; match = match.NextMatch())
        {
            if (match.Length == 0) continue;
            int start = At(match.Index), end = At(match.Index + match.Length);
            found.Add((start, end - start));
        }
        return found;

        int At(int index) => starts is null ? index : starts[index];
    }

    /// <summary>The text with every match replaced, as it is written.</summary>
    public string Replace(string text, string by)
    {
        var replaced = new StringBuilder(text.Length);
        var at = 0;
        foreach (var (start, length) in Find(text))
        {
            replaced.Append(text, at, start - at).Append(by);
            at = start + length;
        }
        return replaced.Append(text, at, text.Length - at).ToString();
    }

    private static (string Shown, int[]? Starts) StandIn(string text)
    {
        if (!text.AsSpan().ContainsAnyInRange('\uD800', '\uDFFF')) return (text, null);
        var shown = new StringBuilder(text.Length);
        var starts = new List<int>(text.Length + 1);
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            starts.Add(at);
            shown.Append(rune.IsBmp ? (char)rune.Value : StandIns.GetValueOrDefault(Rune.GetUnicodeCategory(rune), Unassigned));
            at += rune.Utf16SequenceLength;
        }
        starts.Add(at);
        return (shown.ToString(), [.. starts]);
    }
}
