using System.Text;
using System.Text.Json;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// The unigram model (Kudo 2018): of all ways to cut a piece into tokens the most probable. A character without a token costs ten more
/// than the least probable one; neighbours of the kind are one unknown, or bytes where the vocabulary has them.
/// </summary>
internal sealed class UnigramModel : IPieceModel
{
    private const double UnknownPenalty = 10;

    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, (int Id, double Score)> _scored = [];
    private readonly Dictionary<string, (int Id, double Score)>.AlternateLookup<ReadOnlySpan<char>> _find;
    private readonly int _unknown, _longest;
    private readonly double _unknownScore;
    private readonly int[]? _bytes;
    private readonly bool _isSingle;

    /// <param name="ids">All tokens.</param>
    /// <param name="scored">Those that may stand in a text, with their log-probabilities.</param>
    /// <param name="unknown">The id of the unknown token.</param>
    /// <param name="takesBytes">Unknown characters become bytes, where the vocabulary has them all.</param>
    /// <param name="isSingle">Sums in single precision, as SentencePiece does: ties fall the same way.</param>
    /// <param name="least">The least score of ordinary tokens.</param>
    public UnigramModel(Dictionary<string, int> ids, IEnumerable<(string Token, int Id, double Score)> scored, int unknown, bool takesBytes, bool isSingle, double least)
    {
        _ids = ids;
        foreach (var (token, id, score) in scored)
        {
            if (token.Length > 0) _scored.TryAdd(token, (id, score));
            _longest = Math.Max(_longest, token.Length);
        }
        (_unknown, _isSingle, _unknownScore) = (unknown, isSingle, least - UnknownPenalty);
        _bytes = takesBytes ? ByteTokens.Find(ids) : null;
        _find = _scored.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    public IReadOnlyDictionary<string, int> Vocabulary => _ids;

    /// <summary>Reads the model of a tokenizer.json.</summary>
    public static UnigramModel Read(JsonStep json)
    {
        if (json.Element("vocab") is not { ValueKind: JsonValueKind.Array } list) throw json.Fault("Unigram needs 'vocab'");
        var tokens = new List<(string Token, int Id, double Score)>(list.GetArrayLength());
        foreach (var entry in list.EnumerateArray())
        {
            if (entry.ValueKind != JsonValueKind.Array || entry.GetArrayLength() != 2 || entry[0].ValueKind != JsonValueKind.String || entry[1].ValueKind != JsonValueKind.Number)
                throw json.Fault($"entry {tokens.Count} of 'vocab' is no pair of token and score: {entry.GetRawText()}");
            tokens.Add((entry[0].GetString()!, tokens.Count, entry[1].GetDouble()));
        }
        if (tokens.Count == 0) throw json.Fault("'vocab' is empty");
        var ids = new Dictionary<string, int>(tokens.Count);
        foreach (var (token, id, _) in tokens) ids.TryAdd(token, id);
        var unknown = json.Number("unk_id", -1);
        return new UnigramModel(ids, tokens, unknown, json.Flag("byte_fallback", false), isSingle: false, tokens.Min(token => token.Score));
    }

    public void Encode(string piece, List<int> into)
    {
        if (piece.Length == 0) return;
        var best = new (int Start, int Id, double Score)[piece.Length + 1];
        for (var at = 1; at <= piece.Length; at++) best[at] = (-1, -1, 0);
        for (var at = 0; at < piece.Length;)
        {
            var single = Rune.DecodeFromUtf16(piece.AsSpan(at), out _, out var length) == System.Buffers.OperationStatus.Done ? length : 1;
            var covered = false;
            for (var end = at + 1; end <= piece.Length && end - at <= _longest; end++)
            {
                if (!_find.TryGetValue(piece.AsSpan(at, end - at), out var token)) continue;
                Offer(at, end, token.Id, token.Score);
                covered |= end - at == single;
            }
            if (!covered) Offer(at, at + single, _unknown, _unknownScore);
            at += single;
        }
        Collect(piece, best, into);

        void Offer(int start, int end, int id, double score)
        {
            var sum = best[start].Score + score;
            if (_isSingle) sum = (float)sum;
            if (best[end].Start < 0 || sum > best[end].Score) best[end] = (start, id, sum);
        }
    }

    private void Collect(string piece, (int Start, int Id, double Score)[] best, List<int> into)
    {
        var cuts = new List<(int Start, int End, int Id)>();
        for (var end = piece.Length; end > 0; end = best[end].Start) cuts.Add((best[end].Start, end, best[end].Id));
        cuts.Reverse();
        var wasUnknown = false;
        foreach (var (start, end, id) in cuts)
        {
            var isUnknown = id == _unknown;
            if (!isUnknown) into.Add(id);
            else if (_bytes is not null) into.AddRange(Encoding.UTF8.GetBytes(piece[start..end]).Select(value => _bytes[value]));
            else if (_unknown < 0) throw new CheckpointException($"The vocabulary has no token for '{piece[start..end]}' and no unknown token.");
            else if (!wasUnknown) into.Add(id);
            wasUnknown = isUnknown;
        }
    }
}
