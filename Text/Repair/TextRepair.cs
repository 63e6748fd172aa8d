namespace Prisma.Text;

/// <summary>
/// Repairs text that a program has damaged: mojibake, references of HTML, ligatures, fullwidth forms, curled quotes, line breaks,
/// control characters; the result is in NFC. Behaves as <c>fix_text</c> of ftfy 6.3 with its default options, which the tokenizer
/// of CLIP was trained behind.
/// </summary>
public static class TextRepair
{
    private const int LongestSegment = 1_000_000;

    /// <summary>Repairs <paramref name="text"/> line by line.</summary>
    /// <param name="text">Any text; lone surrogates become U+FFFD.</param>
    /// <returns>The repaired text.</returns>
    public static string Repair(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var repaired = new System.Text.StringBuilder(text.Length);
        var isMarkup = false;
        for (var at = 0; at < text.Length;)
        {
            var lineFeed = text.IndexOf('\n', at);
            var end = lineFeed < 0 ? text.Length : lineFeed + 1;
            if (end - at > LongestSegment) end = at + LongestSegment;
            var segment = text[at..end];
            isMarkup |= segment.Contains('<');                 // then references are meant as they stand, from here on
            repaired.Append(RepairSegment(segment, isMarkup));
            at = end;
        }
        return repaired.ToString();
    }

    // Until nothing changes: a repair may uncover another fault.
    private static string RepairSegment(string text, bool isMarkup)
    {
        while (true)
        {
            var before = text;
            if (!isMarkup) text = HtmlEntities.UnescapeStrictly(text);
            text = EncodingRepair.Repair(text);
            text = EncodingRepair.ReplaceC1Controls(text);
            text = CharacterForms.Plain(text);
            text = CharacterForms.WithoutControls(text);
            text = CanonicalForm.Compose(text);
            if (text == before) return text;
        }
    }
}
