using System.Globalization;
using System.Text;

namespace Prisma.Text;

/// <summary>A piece of a text on its way through the pre-tokenizers.</summary>
/// <param name="Text">The piece.</param>
/// <param name="IsFirst">It starts where the whole text starts.</param>
internal readonly record struct TextPiece(string Text, bool IsFirst);

/// <summary>The pre-tokenizers of a tokenizer.json: how a text is cut into the pieces that the model works on.</summary>
internal static class PreTokenizers
{
    private const string Built = "Sequence, ByteLevel, Metaspace, Split, Whitespace, WhitespaceSplit, BertPreTokenizer, Punctuation, Digits and CharDelimiterSplit";

    private static readonly PiecePattern Words = new(@"\w+|[^\w\s]+");

    public static Func<TextPiece, IEnumerable<TextPiece>> Read(JsonStep? step)
    {
        if (step is not { } json) return piece => [piece];
        switch (json.Type)
        {
            case "Sequence":
                Func<TextPiece, IEnumerable<TextPiece>>[] steps = [.. json.Steps("pretokenizers").Select(inner => Read(inner))];
                return piece => steps.Aggregate<Func<TextPiece, IEnumerable<TextPiece>>, IEnumerable<TextPiece>>([piece], (pieces, next) => pieces.SelectMany(next));
            case "ByteLevel": return ByteLevel(json.Flag("add_prefix_space", true), json.Flag("use_regex", true));
            case "Metaspace": return Metaspace(json);
            case "Split":
                var (pattern, behavior, inverted) = (json.Pattern(), PieceCutting.Parse(json.Required("behavior"), json), json.Flag("invert", false));
                return piece => PieceCutting.Cut(piece, pattern.Find(piece.Text), behavior, inverted);
            case "Whitespace": return piece => PieceCutting.Cut(piece, Words.Find(piece.Text), PieceCut.Removed, inverted: true);
            case "WhitespaceSplit": return piece => PieceCutting.Cut(piece, Single(piece.Text, rune => Rune.IsWhiteSpace(rune)), PieceCut.Removed, inverted: false);
            case "BertPreTokenizer":
                return piece => PieceCutting.Cut(piece, Single(piece.Text, Rune.IsWhiteSpace), PieceCut.Removed, inverted: false)
                    .SelectMany(word => PieceCutting.Cut(word, Single(word.Text, IsPunctuation), PieceCut.Isolated, inverted: false));
            case "Punctuation":
                var punctuation = PieceCutting.Parse(json.Text("behavior") ?? "Isolated", json);
                return piece => PieceCutting.Cut(piece, Single(piece.Text, IsPunctuation), punctuation, inverted: false);
            case "Digits":
                var digits = json.Flag("individual_digits", false) ? PieceCut.Isolated : PieceCut.Contiguous;
                return piece => PieceCutting.Cut(piece, Single(piece.Text, Rune.IsNumber), digits, inverted: false);
            case "CharDelimiterSplit":
                var delimiter = json.Required("delimiter");
                return piece => PieceCutting.Cut(piece, Single(piece.Text, rune => rune.ToString() == delimiter), PieceCut.Removed, inverted: false);
            default: throw json.NotBuilt("pre-tokenizer", Built);
        }
    }

    private static Func<TextPiece, IEnumerable<TextPiece>> ByteLevel(bool addsBlank, bool splits) => piece =>
    {
        if (addsBlank && !piece.Text.StartsWith(' ')) piece = piece with { Text = " " + piece.Text };
        if (!splits) return [piece with { Text = ByteAlphabet.Write(piece.Text) }];
        var isFirst = piece.IsFirst;
        var words = new List<TextPiece>();
        foreach (var word in WordSplitter.Gpt2(piece.Text))
        {
            words.Add(new TextPiece(ByteAlphabet.Write(word), isFirst));
            isFirst = false;
        }
        return words;
    };

    private static Func<TextPiece, IEnumerable<TextPiece>> Metaspace(JsonStep json)
    {
        var mark = json.Text("replacement") ?? "▁";
        // Files of old releases say add_prefix_space instead of a scheme.
        var scheme = json.Text("prepend_scheme") ?? (json.Flag("add_prefix_space", true) ? "always" : "never");
        if (scheme is not ("always" or "first" or "never")) throw json.Fault($"prepend_scheme '{scheme}' is none of always, first, never");
        var splits = json.Flag("split", true);
        var boundary = new PiecePattern(System.Text.RegularExpressions.Regex.Escape(mark));
        return piece =>
        {
            var text = piece.Text.Replace(" ", mark, StringComparison.Ordinal);
            if ((scheme == "always" || scheme == "first" && piece.IsFirst) && !text.StartsWith(mark, StringComparison.Ordinal)) text = mark + text;
            var marked = piece with { Text = text };
            return splits ? PieceCutting.Cut(marked, boundary.Find(text), PieceCut.MergedWithNext, inverted: false) : [marked];
        };
    }

    private static List<(int Start, int Length)> Single(string text, Func<Rune, bool> holds)
    {
        var found = new List<(int, int)>();
        var at = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            if (holds(rune)) found.Add((at, rune.Utf16SequenceLength));
            at += rune.Utf16SequenceLength;
        }
        return found;
    }

    // BERT counts every ASCII symbol as punctuation.
    private static bool IsPunctuation(Rune rune) => rune.Value is (>= 33 and <= 47) or (>= 58 and <= 64) or (>= 91 and <= 96) or (>= 123 and <= 126)
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.ConnectorPunctuation or UnicodeCategory.DashPunctuation or UnicodeCategory.OpenPunctuation
            or UnicodeCategory.ClosePunctuation or UnicodeCategory.InitialQuotePunctuation or UnicodeCategory.FinalQuotePunctuation or UnicodeCategory.OtherPunctuation;
}
