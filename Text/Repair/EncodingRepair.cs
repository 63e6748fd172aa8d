using System.Text;

namespace Prisma.Text;

/// <summary>
/// Undoes mojibake: text that was UTF-8 and has been read as a single-byte encoding. The steps and their order are ftfy's
/// (<c>fix_encoding</c> of version 6.3): the whole text first, then the parts that look like UTF-8, then stray C1 controls.
/// </summary>
internal static class EncodingRepair
{
    // What the lead and continuation bytes of UTF-8 look like in the Latin-like encodings.
    private static readonly HashSet<char> LeadsOfTwo = Shown(0xC2, 0xDF), LeadsOfThree = Shown(0xE0, 0xEF);
    private static readonly HashSet<char> LeadsOfFour = [.. Shown(0xF0, 0xF0), .. Shown(0xF3, 0xF3)];
    private static readonly HashSet<char> Continuations = [.. Shown(0x80, 0xBF), ' '];

    // Continuations that do not also stand for themselves beside mojibake: without the blank, dashes, quotes, bullet and ellipsis.
    private static readonly HashSet<char> StrictContinuations =
        [.. Continuations.Except(" \u2013\u2014\u2015\u2018\u2019\u201A\u201C\u201D\u201E\u2022\u2026")];

    public static string Repair(string text)
    {
        while (true)
        {
            var step = Step(text);
            if (step == text) return text;
            text = step;
        }
    }

    /// <summary>C1 controls as the characters that Windows-1252 has in their places, as browsers read them.</summary>
    public static string ReplaceC1Controls(string text)
    {
        if (!HasC1Controls(text)) return text;
        return string.Create(text.Length, text, (into, from) =>
        {
            for (var i = 0; i < from.Length; i++) into[i] = IsC1(from[i]) ? SingleByteEncoding.Windows1252[(byte)from[i]] : from[i];
        });
    }

    private static string Step(string text)
    {
        if (Ascii.IsValid(text) || !MojibakeSigns.In(text)) return text;
        foreach (var encoding in SingleByteEncoding.All)
        {
            if (encoding.TryEncode(text) is not { } bytes) continue;
            if (!encoding.IsMacRoman) bytes = DamagedUtf8.RestoreNoBreakSpaces(bytes);       // there, CA is the no-break space
            if (encoding.IsSloppy) bytes = DamagedUtf8.ReplaceLossy(bytes);
            if (DamagedUtf8.TryDecode(bytes) is { } whole) return whole;
        }
        var parts = RepairParts(text);
        if (parts != text) return parts;
        if (SingleByteEncoding.Latin1.TryEncode(text) is { } latin && latin.All(SingleByteEncoding.Windows1252.Assigns))
        {
            var windows = string.Create(latin.Length, latin, (into, from) =>
            {
                for (var i = 0; i < from.Length; i++) into[i] = (char)from[i] is '\u001A' ? '\u001A' : SingleByteEncoding.Windows1252[from[i]];
            });
            if (windows != text) return windows;
        }
        return ReplaceC1Controls(text);
    }

    // Sequences that look like UTF-8 inside text that as a whole is in no single encoding.
    private static string RepairParts(string text)
    {
        var repaired = new StringBuilder(text.Length);
        var at = 0;
        while (at < text.Length)
        {
            var end = at > 0 && StrictContinuations.Contains(text[at - 1]) ? at : EndOfRun(text, at);
            if (end == at)
            {
                repaired.Append(text[at++]);
                continue;
            }
            var part = text[at..end];
            repaired.Append(part.Length < text.Length && MojibakeSigns.In(part) ? Repair(part) : part);
            at = end;
        }
        return repaired.ToString();
    }

    private static int EndOfRun(string text, int start)
    {
        while (true)
        {
            var length = Continues(text, start, LeadsOfTwo, 2) ? 2
                : Continues(text, start, LeadsOfThree, 3) ? 3
                : Continues(text, start, LeadsOfFour, 4) ? 4 : 0;
            if (length == 0) return start;
            start += length;
        }
    }

    private static bool Continues(string text, int start, HashSet<char> leads, int length)
    {
        if (start + length > text.Length || !leads.Contains(text[start])) return false;
        for (var i = 1; i < length; i++)
        {
            if (!Continuations.Contains(text[start + i])) return false;
        }
        return true;
    }

    private static bool HasC1Controls(string text) => text.AsSpan().IndexOfAnyInRange('\u0080', '\u009F') >= 0;

    private static bool IsC1(char c) => c is >= '\u0080' and <= '\u009F';

    private static HashSet<char> Shown(int first, int last) =>
    [
        .. SingleByteEncoding.All.Where(encoding => encoding.IsSloppy || encoding == SingleByteEncoding.Latin1)
            .SelectMany(encoding => Enumerable.Range(first, last - first + 1).Select(value => encoding[(byte)value])),
    ];
}
