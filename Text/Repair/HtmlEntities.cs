using System.Globalization;
using System.Text.RegularExpressions;

namespace Prisma.Text;

/// <summary>
/// Character references of HTML5, read in two ways: <see cref="Unescape"/> as browsers and Python's <c>html.unescape</c> do
/// (semicolons may lack), <see cref="UnescapeStrictly"/> as ftfy does (semicolons required, capitalised names understood).
/// </summary>
internal static partial class HtmlEntities
{
    private static readonly Lazy<Dictionary<string, string>> Names = new(ReadNames);            // "eacute;", and "eacute" where allowed
    private static readonly Lazy<Dictionary<string, string>> CapitalNames = new(ReadCapitalNames);

    public static string Unescape(string text) => text.Contains('&') ? Reference().Replace(text, Resolve) : text;

    public static string UnescapeStrictly(string text) => text.Contains('&') ? StrictReference().Replace(text, ResolveStrictly) : text;

    [GeneratedRegex("&(?:#[0-9]+;?|#[xX][0-9a-fA-F]+;?|(?:[^\\t\\n\\f <&#;\\uD800-\\uDFFF]|[\\uD800-\\uDBFF][\\uDC00-\\uDFFF]){1,32};?)")]
    private static partial Regex Reference();

    [GeneratedRegex("&#?[0-9A-Za-z]{1,24};")]
    private static partial Regex StrictReference();

    private static string Resolve(Match match)
    {
        var reference = match.ValueSpan[1..];
        if (reference[0] == '#') return Numeric(reference);
        var names = Names.Value.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var length = reference.Length; length > 1; length--)
        {
            if (names.TryGetValue(reference[..length], out var characters)) return string.Concat(characters, reference[length..]);
        }
        return match.Value;
    }

    private static string ResolveStrictly(Match match)
    {
        var name = match.ValueSpan[1..];
        if (Names.Value.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out var characters)) return characters;
        if (CapitalNames.Value.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out characters)) return characters;
        if (name[0] != '#') return match.Value;
        var resolved = Unescape(match.Value);
        return resolved.Contains(';') ? match.Value : resolved;            // read in part only, or the semicolon itself
    }

    private static string Numeric(ReadOnlySpan<char> reference)
    {
        var hexadecimal = reference[1] is 'x' or 'X';
        var digits = reference[(hexadecimal ? 2 : 1)..].TrimEnd(';').TrimStart('0');
        if (digits.Length > 7) return "\uFFFD";
        var point = digits.IsEmpty ? 0 : int.Parse(digits, hexadecimal ? NumberStyles.HexNumber : NumberStyles.None);
        return point switch
        {
            0 or (>= 0xD800 and <= 0xDFFF) or > 0x10FFFF => "\uFFFD",
            >= 0x80 and <= 0x9F => SingleByteEncoding.Windows1252[(byte)point].ToString(),
            (>= 1 and <= 8) or 0xB or (>= 0xE and <= 0x1F) or 0x7F or (>= 0xFDD0 and <= 0xFDEF) => "",
            _ when (point & 0xFFFE) == 0xFFFE => "",                       // the two noncharacters that end each plane
            _ => char.ConvertFromUtf32(point),
        };
    }

    private static Dictionary<string, string> ReadNames()
    {
        var names = new Dictionary<string, string>(2400);
        foreach (var record in TextData.Records("html-entities.txt"))
        {
            var characters = string.Concat(record[1..].Select(digits => char.ConvertFromUtf32(TextData.Hex(digits))));
            var name = record[0].TrimStart('*');
            names[name + ";"] = characters;
            if (record[0][0] == '*') names[name] = characters;
        }
        return names;
    }

    // "&NTILDE;" for 'Ñ': text that was put in capitals, references and all. Only where the capitalised name means nothing else.
    private static Dictionary<string, string> ReadCapitalNames()
    {
        var capitals = new Dictionary<string, string>();
        foreach (var (name, characters) in Names.Value)
        {
            if (!name.EndsWith(';') || name.Any(char.IsAsciiLetterUpper)) continue;
            var capital = name.ToUpperInvariant();
            if (Unescape("&" + capital) == "&" + capital) capitals[capital] = UpperCase(characters);
        }
        return capitals;
    }

    // The full mapping; beyond .NET's invariant one lie these few among the characters that have names.
    private static string UpperCase(string characters) => characters switch
    {
        "ß" => "SS",
        "ı" => "I",
        "ŉ" => "\u02BCN",
        "\uFB00" => "FF",
        "\uFB01" => "FI",
        "\uFB02" => "FL",
        "\uFB03" => "FFI",
        "\uFB04" => "FFL",
        _ => characters.ToUpperInvariant(),
    };
}
