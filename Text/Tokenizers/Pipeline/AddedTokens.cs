using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Prisma.Text;

/// <summary>
/// Tokens that stand beside the model's vocabulary: found in the raw text, or in the normalised text where they are marked so, before
/// anything else is cut. The one that starts first wins, of those the longest.
/// </summary>
internal sealed class AddedTokens
{
    private readonly List<Token> _raw = [], _normalized = [];

    private AddedTokens() { }

    internal sealed record Token(string Content, int Id, bool OnlyWord, bool StripsLeft, bool StripsRight, bool IsNormalized, bool IsSpecial, string Search);

    public static AddedTokens None { get; } = new();

    /// <summary>Every token.</summary>
    public List<Token> All { get; } = [];

    /// <summary>Reads the <c>added_tokens</c> of a tokenizer.json.</summary>
    public static AddedTokens Read(JsonElement? list, Func<string, string> normalize, string path)
    {
        var tokens = new AddedTokens();
        if (list is not { ValueKind: JsonValueKind.Array } array) return tokens;
        foreach (var entry in array.EnumerateArray())
        {
            var json = new JsonStep(entry, path);
            var (content, id, special) = (json.Required("content"), json.Number("id", -1), json.Flag("special", false));
            if (id < 0) throw json.Fault($"the added token '{content}' has no id");
            var isNormalized = json.Flag("normalized", !special);
            tokens.Add(new Token(content, id, json.Flag("single_word", false), json.Flag("lstrip", false), json.Flag("rstrip", false), isNormalized, special,
                isNormalized ? normalize(content) : content));
        }
        return tokens;
    }

    /// <summary>Plain special tokens, as SentencePiece folders name them.</summary>
    public static AddedTokens Of(IEnumerable<(string Content, int Id)> specials)
    {
        var tokens = new AddedTokens();
        foreach (var (content, id) in specials) tokens.Add(new Token(content, id, false, false, false, false, true, content));
        return tokens;
    }

    /// <summary>The text in pieces: added tokens with their ids, what lies between normalised, with null.</summary>
    public IEnumerable<(TextPiece Piece, int? Id)> Split(string text, Func<string, string> normalize)
    {
        foreach (var (start, length, id) in Cut(text, _raw))
        {
            var part = text.Substring(start, length);
            if (id is not null)
            {
                yield return (new TextPiece(part, start == 0), id);
                continue;
            }
            var normal = normalize(part);
            foreach (var (innerStart, innerLength, innerId) in Cut(normal, _normalized))
                yield return (new TextPiece(normal.Substring(innerStart, innerLength), start == 0 && innerStart == 0), innerId);
        }
    }

    private void Add(Token token)
    {
        if (token.Content.Length == 0) return;
        All.Add(token);
        (token.IsNormalized ? _normalized : _raw).Add(token);
    }

    private static IEnumerable<(int Start, int Length, int? Id)> Cut(string text, List<Token> tokens)
    {
        var ordinary = 0;
        for (var at = 0; tokens.Count > 0 && at < text.Length; at++)
        {
            var found = tokens.Where(token => token.Search.Length > 0 && string.CompareOrdinal(text, at, token.Search, 0, token.Search.Length) == 0).MaxBy(token => token.Search.Length);
            if (found is null) continue;
            var (start, end) = (at, at + found.Search.Length);
            if (found.OnlyWord && (start > 0 && IsWord(text, start - 1) || end < text.Length && IsWord(text, end))) continue;
            while (found.StripsLeft && start > ordinary && char.IsWhiteSpace(text[start - 1])) start--;
            while (found.StripsRight && end < text.Length && char.IsWhiteSpace(text[end])) end++;
            if (start > ordinary) yield return (ordinary, start - ordinary, null);
            yield return (start, end - start, found.Id);
            ordinary = end;
            at = end - 1;
        }
        if (ordinary < text.Length) yield return (ordinary, text.Length - ordinary, null);
    }

    private static bool IsWord(string text, int at) => text[at] == '_' || char.IsLetterOrDigit(text[at])
        || CharUnicodeInfo.GetUnicodeCategory(text[at]) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.ConnectorPunctuation;
}
