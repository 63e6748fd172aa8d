using System.Text;

namespace Prisma.Text;

/// <summary>Opens a SentencePiece model (tokenizer.model, spiece.model), BPE or unigram.</summary>
internal static class SentencePieceTokenizer
{
    public static PipelineTokenizer Open(string path, TokenizerSettings settings)
    {
        var file = SentencePieceFile.Read(path);
        var ids = new Dictionary<string, int>(file.Pieces.Count);
        for (var id = 0; id < file.Pieces.Count; id++)
        {
            if (!ids.TryAdd(file.Pieces[id].Text, id)) throw new Core.CheckpointException($"{path}: the piece '{file.Pieces[id].Text}' stands twice in the vocabulary.");
        }
        var symbols = new UserSymbols(file.Pieces.Where(piece => piece.Type == PieceType.UserDefined).Select(piece => piece.Text));
        IPieceModel model = file.IsBpe ? new SentencePieceBpe(file, ids, symbols) : Unigram(file, ids);
        var normalizer = new SentencePieceNormalizer(file, symbols);
        settings = settings with { Start = settings.Start ?? Name(file, file.Start), End = settings.End ?? Name(file, file.End), Padding = settings.Padding ?? Name(file, file.Padding) };
        return new PipelineTokenizer(path, Specials(file, ids, settings), normalizer.Normalize, piece => [piece], model, Frame(file, settings), tokens => [Decode(file, ids, tokens)], settings);
    }

    private static UnigramModel Unigram(SentencePieceFile file, Dictionary<string, int> ids)
    {
        var ordinary = file.Pieces.Where(piece => piece.Type == PieceType.Normal).Select(piece => piece.Score).DefaultIfEmpty(0).ToList();
        var (least, greatest) = (ordinary.Min(), ordinary.Max());
        var scored = file.Pieces.Select((piece, id) => (piece.Text, Id: id, piece.Type, piece.Score)).Where(piece => piece.Type is PieceType.Normal or PieceType.UserDefined)
            // A user's symbol always wins over what it is made of.
            .Select(piece => (piece.Text, piece.Id, (double)(piece.Type == PieceType.Normal ? piece.Score : Encoding.UTF8.GetByteCount(piece.Text) * greatest - 0.1f)));
        return new UnigramModel(ids, scored, file.Unknown, file.TakesBytes, isSingle: true, least);
    }

    // A bare model sets nothing around a text; a configuration says what its class does.
    private static SpecialFrame Frame(SentencePieceFile file, TokenizerSettings settings)
    {
        var (starts, ends) = settings.TokenizerClass switch
        {
            "LlamaTokenizer" or "LlamaTokenizerFast" or "GemmaTokenizer" or "GemmaTokenizerFast" => (settings.AddsStart ?? true, settings.AddsEnd ?? false),
            "T5Tokenizer" or "T5TokenizerFast" => (false, true),
            _ => (settings.AddsStart ?? false, settings.AddsEnd ?? false),
        };
        return new SpecialFrame(starts && file.Start >= 0 ? [file.Start] : [], ends && file.End >= 0 ? [file.End] : []);
    }

    // Names of special tokens are cut out of a text only where a configuration declares them: the bare model reads them as text.
    private static AddedTokens Specials(SentencePieceFile file, Dictionary<string, int> ids, TokenizerSettings settings)
    {
        var specials = settings.Added.Select(pair => (pair.Key, pair.Value)).ToList();
        if (settings.TokenizerClass is not null)
            specials.AddRange(file.Pieces.Where(piece => piece.Type == PieceType.Control && !settings.Added.ContainsKey(piece.Text)).Select(piece => (piece.Text, ids[piece.Text])));
        return AddedTokens.Of(specials);
    }

    private static string? Name(SentencePieceFile file, int id) => id >= 0 && id < file.Pieces.Count ? file.Pieces[id].Text : null;

    private static string Decode(SentencePieceFile file, Dictionary<string, int> ids, List<string> tokens)
    {
        var bytes = new List<byte>();
        var isFirst = file.AddsBlank;
        foreach (var token in tokens)
        {
            var type = ids.TryGetValue(token, out var id) ? file.Pieces[id].Type : PieceType.Control;
            if (type == PieceType.Byte && ByteTokens.Read(token) is { } value)
            {
                bytes.Add(value);
                isFirst = false;
                continue;
            }
            var text = type switch
            {
                PieceType.Unknown => file.UnknownShown,
                PieceType.Control => token,
                _ => token.Replace(SentencePieceNormalizer.Blank, " ", StringComparison.Ordinal),
            };
            if (isFirst && type is (PieceType.Normal or PieceType.UserDefined) && text.StartsWith(' ')) text = text[1..];
            if (type != PieceType.Control) isFirst = false;
            bytes.AddRange(Encoding.UTF8.GetBytes(text));
        }
        return Encoding.UTF8.GetString([.. bytes]);
    }
}
