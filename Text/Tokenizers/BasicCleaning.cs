using System.Globalization;
using System.Text;

namespace Prisma.Text;

/// <summary>
/// How Hugging Face's CLIP tokenizer cleans text where ftfy is not installed: control and format characters go, Chinese characters
/// stand alone, NFC, lower case, single blanks.
/// </summary>
internal static class BasicCleaning
{
    public static string Clean(string text)
    {
        var kept = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value is ' ' or '\t' or '\n' or '\r' || Rune.GetUnicodeCategory(rune) == UnicodeCategory.SpaceSeparator) kept.Append(' ');
            else if (IsHanIdeograph(rune.Value)) kept.Append(' ').Append(rune.ToString()).Append(' ');
            else if (rune.Value != 0xFFFD && !IsControl(rune)) kept.Append(rune.ToString());
        }
        return WhiteSpace.Collapse(LowerCase.Of(CanonicalForm.Compose(kept.ToString())));
    }

    /// <summary>Without control and format characters; every kind of white space becomes a blank.</summary>
    public static string WithoutControls(string text)
    {
        var kept = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (rune.Value is '\t' or '\n' or '\r' || Rune.IsWhiteSpace(rune)) kept.Append(' ');
            else if (rune.Value is not (0 or 0xFFFD) && !IsControl(rune)) kept.Append(rune.ToString());
        }
        return kept.ToString();
    }

    /// <summary>Chinese characters with blanks around each.</summary>
    public static string HanApart(string text)
    {
        var parted = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (IsHanIdeograph(rune.Value)) parted.Append(' ').Append(rune.ToString()).Append(' ');
            else parted.Append(rune.ToString());
        }
        return parted.ToString();
    }

    private static bool IsControl(Rune rune) => Rune.GetUnicodeCategory(rune)
        is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
        or UnicodeCategory.OtherNotAssigned;

    private static bool IsHanIdeograph(int point) => point
        is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F)
        or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B820 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}
