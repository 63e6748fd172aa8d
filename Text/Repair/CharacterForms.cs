using System.Text;
using System.Text.RegularExpressions;

namespace Prisma.Text;

/// <summary>Replaces characters that only differ in form from the ordinary ones: ligatures, widths, curled quotes, line breaks.</summary>
internal static partial class CharacterForms
{
    // U+FF61 to U+FF9F, in order: what the halfwidth characters of Japanese stand for.
    private const string Katakana =
        "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン\u3099\u309A";

    // U+FFA0 to U+FFDC: Hangul letters; a blank where nothing is assigned.
    private const string Hangul =
        "\u1160\u1100\u1101\u11AA\u1102\u11AC\u11AD\u1103\u1104\u1105\u11B0\u11B1\u11B2\u11B3\u11B4\u11B5\u111A\u1106\u1107\u1108\u1121"
        + "\u1109\u110A\u110B\u110C\u110D\u110E\u110F\u1110\u1111\u1112   \u1161\u1162\u1163\u1164\u1165\u1166  \u1167\u1168\u1169\u116A"
        + "\u116B\u116C  \u116D\u116E\u116F\u1170\u1171\u1172  \u1173\u1174\u1175";

    // U+FFE0 to U+FFEE.
    private const string Signs = "¢£¬\u00AF¦¥\u20A9 \u2502\u2190\u2191\u2192\u2193\u25A0\u25CB";

    private static readonly Dictionary<char, string> Ligatures = new()
    {
        ['Ĳ'] = "IJ",
        ['ĳ'] = "ij",
        ['ŉ'] = "'n",
        ['Ǳ'] = "DZ",
        ['ǲ'] = "Dz",
        ['ǳ'] = "dz",
        ['Ǆ'] = "DŽ",
        ['ǅ'] = "Dž",
        ['ǆ'] = "dž",
        ['Ǉ'] = "LJ",
        ['ǈ'] = "Lj",
        ['ǉ'] = "lj",
        ['Ǌ'] = "NJ",
        ['ǋ'] = "Nj",
        ['ǌ'] = "nj",
        ['\uFB00'] = "ff",
        ['\uFB01'] = "fi",
        ['\uFB02'] = "fl",
        ['\uFB03'] = "ffi",
        ['\uFB04'] = "ffl",
        ['\uFB05'] = "ſt",
        ['\uFB06'] = "st",
    };

    /// <summary>All of them at once: no replacement makes a character that another one replaces.</summary>
    public static string Plain(string text)
    {
        var plain = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (c < 0x80) plain.Append(c);
            else if (Ligatures.TryGetValue(c, out var letters)) plain.Append(letters);
            else if (c == '\uFFE3') plain.Append(" \u0304");                              // a spacing macron
            else plain.Append(Unquoted(Width(c)));
        }
        return plain.Replace("\r\n", "\n").Replace('\r', '\n').Replace('\u2028', '\n').Replace('\u2029', '\n').Replace('\u0085', '\n').ToString();
    }

    /// <summary>Drops terminal colour codes and the control characters that show nothing; U+FFFD for a lone surrogate.</summary>
    public static string WithoutControls(string text)
    {
        var kept = new StringBuilder(text.Length);
        foreach (var rune in TerminalEscape().Replace(text, "").EnumerateRunes())
        {
            var isControl = rune.Value is < 0x09 or 0x0B or (>= 0x0E and < 0x20) or 0x7F
                or (>= 0x206A and <= 0x206F) or 0xFEFF or (>= 0xFFF9 and <= 0xFFFC);
            if (!isControl) kept.Append(rune.ToString());
        }
        return kept.ToString();
    }

    [GeneratedRegex("\u001B\\[[\\d;]*[a-zA-Z]")]
    private static partial Regex TerminalEscape();

    private static char Width(char c) => c switch
    {
        '\u3000' => ' ',
        >= '\uFF01' and <= '\uFF5E' => (char)(c - 0xFF01 + '!'),
        '\uFF5F' or '\uFF60' => (char)(c - 0xFF5F + 0x2985),
        >= '\uFF61' and <= '\uFF9F' => Katakana[c - 0xFF61],
        >= '\uFFA0' and <= '\uFFDC' => Assigned(Hangul[c - 0xFFA0], c),
        >= '\uFFE0' and <= '\uFFEE' => Assigned(Signs[c - 0xFFE0], c),
        _ => c,
    };

    private static char Assigned(char standard, char otherwise) => standard == ' ' ? otherwise : standard;

    private static char Unquoted(char c) => c switch
    {
        '\u02BC' or (>= '\u2018' and <= '\u201B') => '\'',
        >= '\u201C' and <= '\u201F' => '"',
        _ => c,
    };
}
