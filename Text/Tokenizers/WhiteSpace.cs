using System.Text;

namespace Prisma.Text;

/// <summary>White space as the reference tokenizers see it: Unicode's property, and at the ends of a text four separators more.</summary>
internal static class WhiteSpace
{
    /// <summary>Each run of white space becomes one blank, none is left at the ends.</summary>
    public static string Collapse(string text)
    {
        var collapsed = new StringBuilder(text.Length);
        foreach (var c in Strip(text))
        {
            if (!char.IsWhiteSpace(c)) collapsed.Append(c);
            else if (collapsed.Length == 0 || collapsed[^1] != ' ') collapsed.Append(' ');
        }
        return Strip(collapsed.ToString());
    }

    /// <summary>Without white space and the separators U+001C to U+001F at both ends.</summary>
    public static string Strip(string text)
    {
        int start = 0, end = text.Length;
        while (start < end && IsStripped(text[start])) start++;
        while (end > start && IsStripped(text[end - 1])) end--;
        return text[start..end];
    }

    private static bool IsStripped(char c) => char.IsWhiteSpace(c) || c is >= '\u001C' and <= '\u001F';
}
