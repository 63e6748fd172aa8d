using System.Text;

namespace Prisma.Text;

/// <summary>SentencePiece's byte-pair encoding: neighbours merge to any piece of the vocabulary, the highest score first.</summary>
internal sealed class SentencePieceBpe : IPieceModel
{
    private readonly Dictionary<string, int> _ids, _mergeable = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _find;
    private readonly float[] _scores;
    private readonly UserSymbols _symbols;
    private readonly int[]? _bytes;
    private readonly int _unknown;

    public SentencePieceBpe(SentencePieceFile file, Dictionary<string, int> ids, UserSymbols symbols)
    {
        (_ids, _symbols, _unknown) = (ids, symbols, file.Unknown);
        _scores = [.. file.Pieces.Select(piece => piece.Score)];
        for (var id = 0; id < file.Pieces.Count; id++)
        {
            if (file.Pieces[id].Type is PieceType.Normal or PieceType.UserDefined) _mergeable.TryAdd(file.Pieces[id].Text, id);
        }
        _find = _mergeable.GetAlternateLookup<ReadOnlySpan<char>>();
        _bytes = file.TakesBytes ? ByteTokens.Find(ids) : null;
    }

    public IReadOnlyDictionary<string, int> Vocabulary => _ids;

    public void Encode(string piece, List<int> into)
    {
        var symbols = new List<PairMerger.Symbol>(piece.Length);
        var own = new HashSet<int>();
        for (var at = 0; at < piece.Length;)
        {
            var length = _symbols.LengthAt(piece, at);
            if (length > 0) own.Add(at);
            else if (Rune.DecodeFromUtf16(piece.AsSpan(at), out _, out length) != System.Buffers.OperationStatus.Done) length = 1;
            symbols.Add(new(_mergeable.GetValueOrDefault(piece.Substring(at, length), -1), at, length));
            at += length;
        }
        var wasUnknown = false;
        foreach (var symbol in PairMerger.Merge(symbols, Merge))
        {
            var isUnknown = symbol.Id < 0;
            if (!isUnknown) into.Add(symbol.Id);
            else if (_bytes is not null) into.AddRange(Encoding.UTF8.GetBytes(piece.Substring(symbol.Start, symbol.Length)).Select(value => _bytes[value]));
            else if (!wasUnknown) into.Add(_unknown);
            wasUnknown = isUnknown;
        }

        (double, int)? Merge(PairMerger.Symbol left, PairMerger.Symbol right)
        {
            if (own.Contains(left.Start) || own.Contains(right.Start)) return null;
            return _find.TryGetValue(piece.AsSpan(left.Start, left.Length + right.Length), out var id) ? (-_scores[id], id) : null;
        }
    }
}
