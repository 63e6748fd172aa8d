using System.Text;

namespace Prisma.Text;

/// <summary>SentencePiece's normalisation (Kudo and Richardson 2018): characters mapped, blanks collapsed and written as ▁, one set before the text.</summary>
internal sealed class SentencePieceNormalizer(SentencePieceFile file, UserSymbols symbols)
{
    public const string Blank = "▁";

    public string Normalize(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text).AsSpan();
        var at = 0;
        if (file.RemovesExtraBlanks)
        {
            while (at < bytes.Length && Next(bytes[at..]) is { Text: " " } blank) at += blank.Length;
        }
        if (at == bytes.Length) return "";
        var normal = new StringBuilder(text.Length + 1);
        var shownBlank = file.EscapesBlanks ? Blank : " ";
        if (file.AddsBlank) normal.Append(shownBlank);
        var wasBlank = file.RemovesExtraBlanks;
        while (at < bytes.Length)
        {
            var (length, part) = Next(bytes[at..]);
            if (wasBlank) part = part.TrimStart(' ');
            if (part.Length > 0)
            {
                normal.Append(file.EscapesBlanks ? part.Replace(" ", Blank, StringComparison.Ordinal) : part);
                wasBlank = part[^1] == ' ';
            }
            if (!file.RemovesExtraBlanks) wasBlank = false;
            at += length;
        }
        var shown = normal.ToString();
        while (file.RemovesExtraBlanks && shown.EndsWith(shownBlank, StringComparison.Ordinal)) shown = shown[..^shownBlank.Length];
        return shown;
    }

    private (int Length, string Text) Next(ReadOnlySpan<byte> bytes)
    {
        if (symbols.LengthAt(bytes) is > 0 and var own) return (own, Encoding.UTF8.GetString(bytes[..own]));
        if (file.Characters.Longest(bytes) is { Length: > 0 } mapped) return mapped;
        _ = Rune.DecodeFromUtf8(bytes, out var rune, out var length);
        return (length, rune.ToString());
    }
}
