using System.Text;

namespace Prisma.Text;

/// <summary>GPT-2's tokenizer (Radford et al. 2019): byte-level BPE on the text as it is, blanks kept; no start or end is added.</summary>
public sealed class Gpt2Tokenizer : ITokenizer
{
    /// <summary>The context length of GPT-2.</summary>
    public const int DefaultContextLength = 1024;

    private readonly Bpe _bpe;
    private readonly TokenTable _tokens;

    internal Gpt2Tokenizer(BpeVocabulary vocabulary, TokenizerSettings settings)
    {
        _tokens = new TokenTable(vocabulary, settings);
        ContextLength = settings.ContextLength ?? DefaultContextLength;
        EndId = _tokens.Find(settings.End ?? VocabularyReader.EndOfText);
        StartId = _tokens.Find(settings.Start ?? VocabularyReader.EndOfText);
        PaddingId = settings.Padding is { } padding ? _tokens.Require(padding, "padding") : null;
        _bpe = new Bpe(vocabulary, _tokens.Find(settings.Unknown ?? VocabularyReader.EndOfText) ?? -1);
    }

    /// <inheritdoc/>
    public int ContextLength { get; }

    /// <inheritdoc/>
    public int VocabularySize => _tokens.Size;

    /// <inheritdoc/>
    public int? StartId { get; }

    /// <inheritdoc/>
    public int? EndId { get; }

    /// <inheritdoc/>
    public int? PaddingId { get; }

    /// <inheritdoc/>
    public bool IsSpecial(int id) => _tokens.IsSpecial(id);

    /// <inheritdoc/>
    public int[] Encode(string text, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        options ??= new EncodeOptions();
        var ids = new List<int>();
        foreach (var (piece, special) in _tokens.SplitSpecial(options.Repair ? TextRepair.Repair(text) : text))
        {
            if (special is { } id) ids.Add(id);
            else foreach (var word in WordSplitter.Gpt2(piece)) _bpe.Encode(word, ids);
        }
        return IdRow.Lay(ids, null, null, PaddingId, options, ContextLength);
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var shown = new StringBuilder();
        foreach (var id in ids) shown.Append(_tokens[id]);
        return ByteAlphabet.Read(shown.ToString());
    }
}
