using System.Text;

namespace Prisma.Text;

/// <summary>
/// CLIP's tokenizer (Radford et al. 2021): lower-cased text, words cut by a pattern, byte-level BPE with an end-of-word mark.
/// Cleaning, padding and special tokens follow OpenAI's or the Hugging Face implementation (<see cref="TokenizerStyle"/>).
/// </summary>
public sealed class ClipTokenizer : ITokenizer
{
    /// <summary>The context length of OpenAI's models.</summary>
    public const int DefaultContextLength = 77;

    private readonly Bpe _bpe;
    private readonly string _wordEnd;
    private readonly TokenTable _tokens;
    private readonly int _start, _end, _padding;

    internal ClipTokenizer(BpeVocabulary vocabulary, TokenizerSettings settings, TokenizerStyle style)
    {
        Style = style;
        ContextLength = settings.ContextLength ?? DefaultContextLength;
        _wordEnd = vocabulary.WordEnd;
        _tokens = new TokenTable(vocabulary, settings);
        var endName = settings.End ?? VocabularyReader.EndOfText;
        _start = _tokens.Require(settings.Start ?? VocabularyReader.StartOfText, "start");
        _end = _tokens.Require(endName, "end");
        var unknown = _tokens.Require(settings.Unknown ?? endName, "unknown");
        _padding = style == TokenizerStyle.OpenAi ? 0 : _tokens.Require(settings.Padding ?? endName, "padding");
        _bpe = new Bpe(vocabulary, unknown);
    }

    /// <summary>Whose cleaning this tokenizer applies.</summary>
    public TokenizerStyle Style { get; }

    /// <inheritdoc/>
    public int ContextLength { get; }

    /// <inheritdoc/>
    public int VocabularySize => _tokens.Size;

    /// <inheritdoc/>
    public int? StartId => _start;

    /// <inheritdoc/>
    public int? EndId => _end;

    /// <inheritdoc/>
    public int? PaddingId => _padding;

    /// <inheritdoc/>
    public bool IsSpecial(int id) => _tokens.IsSpecial(id);

    /// <inheritdoc/>
    public int[] Encode(string text, EncodeOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        options ??= new EncodeOptions();
        var words = new List<int>();
        if (Style == TokenizerStyle.OpenAi) EncodeWords(CleanAsOpenAi(text), words);
        else EncodeAsHuggingFace(text, options.Repair, words);
        return IdRow.Lay(words, _start, _end, _padding, options, ContextLength);
    }

    /// <inheritdoc/>
    public string Decode(ReadOnlySpan<int> ids)
    {
        var shown = new StringBuilder();
        foreach (var id in ids) shown.Append(_tokens[id]);
        var text = ByteAlphabet.Read(shown.ToString()).Replace(_wordEnd, " ");
        return Style == TokenizerStyle.OpenAi ? text : WhiteSpace.Strip(text);
    }

    private static string CleanAsOpenAi(string text) =>
        LowerCase.Of(WhiteSpace.Collapse(HtmlEntities.Unescape(HtmlEntities.Unescape(TextRepair.Repair(text)))));

    // Special tokens stand in the raw text; what lies between them is cleaned piece by piece.
    private void EncodeAsHuggingFace(string text, bool repair, List<int> into)
    {
        foreach (var (piece, special) in _tokens.SplitSpecial(text))
        {
            if (special is { } id) into.Add(id);
            else EncodeWords(repair ? LowerCase.Of(WhiteSpace.Collapse(TextRepair.Repair(piece))) : BasicCleaning.Clean(piece), into);
        }
    }

    private void EncodeWords(string text, List<int> into)
    {
        foreach (var word in WordSplitter.Clip(text))
        {
            if (word is VocabularyReader.StartOfText or VocabularyReader.EndOfText && _tokens.Find(word) is { } id) into.Add(id);
            else _bpe.Encode(word, into);
        }
    }
}
