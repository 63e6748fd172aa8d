using Prisma.Core;

namespace Prisma.Text;

/// <summary>Ids and names of a vocabulary with its special tokens.</summary>
internal sealed class TokenTable
{
    private readonly string _source;
    private readonly Dictionary<string, int> _added = [];
    private readonly IReadOnlyDictionary<string, int> _ids;
    private readonly Dictionary<string, int> _special = [];
    private readonly HashSet<char> _openings;
    private readonly Dictionary<int, string> _names;

    public TokenTable(BpeVocabulary vocabulary, TokenizerSettings settings)
    {
        _source = vocabulary.Source;
        _ids = vocabulary.Ids;
        foreach (var (token, id) in vocabulary.Special.Concat(settings.Added)) _added[token] = id;
        foreach (var (token, id) in _added.Where(pair => pair.Key.Length > 0)) _special[token] = id;
        string?[] named =
            [settings.Start, settings.End, settings.Unknown, settings.Padding, VocabularyReader.StartOfText, VocabularyReader.EndOfText];
        foreach (var token in named)
        {
            if (!string.IsNullOrEmpty(token) && Find(token) is { } id) _special[token] = id;
        }
        _names = _ids.ToDictionary(pair => pair.Value, pair => pair.Key);
        foreach (var (token, id) in _added) _names[id] = token;
        _openings = [.. _special.Keys.Select(token => token[0])];
        Size = _names.Keys.Max() + 1;
    }

    public int Size { get; }

    public string this[int id] => _names.TryGetValue(id, out var name)
        ? name
        : throw new OptionsException($"{_source}: no token has the id {id}; ids run from 0 to {Size - 1}. Is it the tokenizer of this model?");

    public bool IsSpecial(int id) => _names.TryGetValue(id, out var name) && _special.ContainsKey(name);

    public int? Find(string token) => _added.TryGetValue(token, out var id) || _ids.TryGetValue(token, out id) ? id : null;

    public int Require(string token, string role) => Find(token)
        ?? throw new CheckpointException($"{_source}: the {role} token '{token}' is not in the vocabulary of {_ids.Count}.");

    /// <summary>The text in pieces: ordinary text with no id, special tokens with theirs; the longest token that starts first wins.</summary>
    public IEnumerable<(string Text, int? Id)> SplitSpecial(string text)
    {
        var ordinary = 0;
        for (var at = 0; at < text.Length; at++)
        {
            if (!_openings.Contains(text[at])) continue;
            var found = _special.Keys.Where(token => string.CompareOrdinal(text, at, token, 0, token.Length) == 0).MaxBy(token => token.Length);
            if (found is null) continue;
            if (at > ordinary) yield return (text[ordinary..at], null);
            yield return (found, _special[found]);
            ordinary = at + found.Length;
            at = ordinary - 1;
        }
        if (ordinary < text.Length) yield return (text[ordinary..], null);
    }
}
