using System.Globalization;
using System.Text;

namespace Prisma.Text;

/// <summary>The normalizers of a tokenizer.json: what happens to a text before it is cut.</summary>
internal static class Normalizers
{
    private const string Built = "Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend, BertNormalizer, Precompiled, Nmt and ByteLevel";

    public static Func<string, string> Read(JsonStep? step)
    {
        if (step is not { } json) return text => text;
        switch (json.Type)
        {
            case "Sequence":
                Func<string, string>[] steps = [.. json.Steps("normalizers").Select(inner => Read(inner))];
                return text => steps.Aggregate(text, (value, next) => next(value));
            case "NFC": return CanonicalForm.Compose;
            case "NFD": return CanonicalForm.Decompose;
            case "NFKC": return CanonicalForm.ComposeCompatible;
            case "NFKD": return CanonicalForm.DecomposeCompatible;
            case "Lowercase": return Lower;
            case "StripAccents": return text => Kept(text, rune => !IsMark(rune));
            case "Strip":
                bool left = json.Flag("strip_left", true), right = json.Flag("strip_right", true);
                return text => (left, right) switch
                {
                    (true, true) => text.Trim(),
                    (true, false) => text.TrimStart(),
                    (false, true) => text.TrimEnd(),
                    _ => text,
                };
            case "Replace":
                var (pattern, content) = (json.Pattern(), json.Required("content"));
                return text => pattern.Replace(text, content);
            case "Prepend":
                var prefix = json.Required("prepend");
                return text => text.Length == 0 ? text : prefix + text;
            case "BertNormalizer": return Bert(json);
            case "Precompiled":
                var map = CharacterMap.Read(Convert.FromBase64String(json.Required("precompiled_charsmap")), json.Fault);
                return text => map.ByGraphemes(text);
            case "Nmt": return Nmt;
            case "ByteLevel": return ByteAlphabet.Write;
            default: throw json.NotBuilt("normalizer", Built);
        }
    }

    /// <summary>Lower case character by character, whatever stands around it.</summary>
    public static string Lower(string text)
    {
        var lower = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value == 0x130) lower.Append("i\u0307");
            else lower.Append(Rune.ToLowerInvariant(rune).ToString());
        }
        return lower.ToString();
    }

    private static Func<string, string> Bert(JsonStep json)
    {
        bool clean = json.Flag("clean_text", true), han = json.Flag("handle_chinese_chars", true), lower = json.Flag("lowercase", true);
        var accents = json.Flag("strip_accents") ?? lower;
        return text =>
        {
            if (clean) text = BasicCleaning.WithoutControls(text);
            if (han) text = BasicCleaning.HanApart(text);
            if (accents) text = Kept(CanonicalForm.Decompose(text), rune => Rune.GetUnicodeCategory(rune) != UnicodeCategory.NonSpacingMark);
            return lower ? Lower(text) : text;
        };
    }

    private static bool IsMark(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    private static string Kept(string text, Func<Rune, bool> keeps)
    {
        var kept = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (keeps(rune)) kept.Append(rune.ToString());
        }
        return kept.ToString();
    }

    // Control characters go, separators become blanks: the rules of the reference's Nmt.
    private static string Nmt(string text)
    {
        var kept = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            if (c is (>= '\u0001' and <= '\u0008') or '\u000B' or (>= '\u000E' and <= '\u001F') or '\u007F' or '\u008F' or '\u009F') continue;
            kept.Append(c is '\t' or '\n' or '\u000C' or '\r' or '\u1680' or (>= '\u200B' and <= '\u200F') or '\u2028' or '\u2029' or '\u2581' or '\uFEFF' or '\uFFFD' ? ' ' : c);
        }
        return kept.ToString();
    }
}
