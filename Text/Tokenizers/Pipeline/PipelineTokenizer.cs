using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// A tokenizer put together from steps, as tokenizer.json and SentencePiece describe them: added tokens are cut out, the rest is
/// normalised, cut into pieces, each piece turned into ids, special tokens set around them.
/// </summary>
public sealed class PipelineTokenizer : ITokenizer
{
    private readonly string _source;
    private readonly AddedTokens _added;
    private readonly Func<string, string> _normalize;
    private readonly Func<TextPiece, IEnumerable<TextPiece>> _cut;
    private readonly IPieceModel _model;
    private readonly SpecialFrame _frame;
    private readonly Func<List<string>, List<string>> _decode;
    private readonly Dictionary<int, string> _names;
    private readonly HashSet<int> _special;

    internal PipelineTokenizer(
        string source, AddedTokens added, Func<string, string> normalize, Func<TextPiece, IEnumerable<TextPiece>> cut, IPieceModel model, SpecialFrame frame,
        Func<List<string>, List<string>> decode, TokenizerSettings settings)
    {
        (_source, _added, _normalize, _cut, _model, _frame, _decode) = (source, added, normalize, cut, model, frame, decode);
        _names = new(model.Vocabulary.Count);
        foreach (var (token, id) in model.Vocabulary)
        {
            if (!_names.TryAdd(id, token)) throw new CheckpointException($"{source}: the tokens '{_names[id]}' and '{token}' share the id {id}.");
        }
        foreach (var token in added.All) _names[token.Id] = token.Content;
        if (_names.Count == 0 || _names.Keys.Min() < 0) throw new CheckpointException($"{source}: the vocabulary is empty or has negative ids.");
        _special = [.. added.All.Where(token => token.IsSpecial).Select(token => token.Id), .. frame.Head, .. frame.Tail];
        VocabularySize = _names.Keys.Max() + 1;
        ContextLength = settings.ContextLength ?? int.MaxValue;
        StartId = settings.Start is { } start ? Find(start) : frame.Head is [var first, ..] ? first : null;
        EndId = settings.End is { } end ? Find(end) : frame.Tail is [.., var last] ? last : null;
        PaddingId = settings.Padding is { } padding ? Find(padding) : null;
    }

    /// <inheritdoc/>
    public int ContextLength { get; }

    /// <inheritdoc/>
    public int VocabularySize { get; }

    /// <inheritdoc/>
    public int? StartId { get; }

    /// <inheritdoc/>
    public int? EndId { get; }

    /// <inheritdoc/>
    public int? PaddingId { get; }

    /// <inheritdoc/>
    public bool IsSpecial(int id) => _special.Contains(id);

    /// <inheritdoc/>
    public int[] Encode(string text, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        options ??= new EncodeOptions();
        var ids = new List<int>();
        foreach (var (piece, id) in _added.Split(options.Repair ? TextRepair.Repair(text) : text, _normalize))
        {
            if (id is { } added) ids.Add(added);
            else if (piece.Text.Length > 0) foreach (var cut in _cut(piece)) _model.Encode(cut.Text, ids);
        }
        return IdRow.Framed(ids, _frame.Head, _frame.Tail, PaddingId, options, ContextLength);
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var tokens = new List<string>(ids.Length);
        foreach (var id in ids)
            tokens.Add(_names.TryGetValue(id, out var name) ? name : throw new OptionsException($"{_source}: no token has the id {id}; ids run from 0 to {VocabularySize - 1}. Is it the tokenizer of this model?"));
        return string.Concat(_decode(tokens));
    }

    private int? Find(string token) =>
        _added.All.FirstOrDefault(added => added.Content == token) is { } found ? found.Id : _model.Vocabulary.TryGetValue(token, out var id) ? id : null;
}
