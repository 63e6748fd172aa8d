using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// Byte-pair encoding as a tokenizer.json describes it (Sennrich et al. 2016): characters, or bytes written as characters, merged by
/// ranked pairs; what the vocabulary lacks becomes bytes (Llama) or the unknown token.
/// </summary>
internal sealed class BpeModel : IPieceModel
{
    private const int LongestCached = 64, MostCached = 1 << 16;

    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Id)> _merges = [];
    private readonly ConcurrentDictionary<string, int[]> _cache = new();
    private readonly string _prefix, _suffix;
    private readonly bool _takesWhole, _fusesUnknown;
    private readonly int? _unknown;
    private readonly int[]? _bytes;
    private readonly string _source;

    public BpeModel(JsonStep json, string path)
    {
        if (json.Element("dropout") is { ValueKind: JsonValueKind.Number } dropout && dropout.GetDouble() > 0) throw json.Fault("'dropout' makes ids random and is not built");
        if (json.Element("vocab") is not { ValueKind: JsonValueKind.Object } vocabulary) throw json.Fault("BPE needs 'vocab'");
        if (json.Element("merges") is not { ValueKind: JsonValueKind.Array } merges) throw json.Fault("BPE needs 'merges'");
        _source = path;
        _ids = JsonFile.Numbers(vocabulary, path);
        _prefix = json.Text("continuing_subword_prefix") ?? "";
        _suffix = json.Text("end_of_word_suffix") ?? "";
        (_takesWhole, _fusesUnknown) = (json.Flag("ignore_merges", false), json.Flag("fuse_unk", false));
        _unknown = json.Text("unk_token") is { } unknown
            ? _ids.TryGetValue(unknown, out var id) ? id : throw json.Fault($"the unknown token '{unknown}' is not in the vocabulary")
            : null;
        if (json.Flag("byte_fallback", false)) _bytes = ByteTokens.Find(_ids);
        ReadMerges(merges, json);
    }

    public IReadOnlyDictionary<string, int> Vocabulary => _ids;

    public void Encode(string piece, List<int> into)
    {
        if (!_cache.TryGetValue(piece, out var ids))
        {
            ids = Ids(piece);
            if (piece.Length <= LongestCached && _cache.Count < MostCached) _cache.TryAdd(piece, ids);
        }
        into.AddRange(ids);
    }

    private void ReadMerges(JsonElement merges, JsonStep json)
    {
        var rank = 0;
        foreach (var merge in merges.EnumerateArray())
        {
            var (left, right) = merge.ValueKind == JsonValueKind.Array && merge.GetArrayLength() == 2
                ? (merge[0].GetString()!, merge[1].GetString()!)
                : merge.GetString()?.Split(' ') is [{ Length: > 0 } first, { Length: > 0 } second] ? (first, second)
                : throw json.Fault($"merge {rank + 1} is no pair of tokens: {merge.GetRawText()}");
            var whole = left + (_prefix.Length > 0 && right.StartsWith(_prefix, StringComparison.Ordinal) ? right[_prefix.Length..] : right);
            if (!_ids.TryGetValue(left, out var leftId) || !_ids.TryGetValue(right, out var rightId) || !_ids.TryGetValue(whole, out var id))
                throw json.Fault($"merge {rank + 1} ('{left} {right}') takes or makes a token that the vocabulary of {_ids.Count} lacks");
            _merges[(leftId, rightId)] = (rank++, id);
        }
    }

    private int[] Ids(string piece)
    {
        if (_takesWhole && _ids.TryGetValue(piece, out var whole)) return [whole];
        var symbols = new List<PairMerger.Symbol>(piece.Length);
        var (at, wasUnknown) = (0, false);
        foreach (var rune in piece.EnumerateRunes())
        {
            var length = rune.Utf16SequenceLength;
            var shown = (at > 0 ? _prefix : "") + rune.ToString() + (at + length == piece.Length ? _suffix : "");
            var isUnknown = false;
            if (_ids.TryGetValue(shown, out var id)) symbols.Add(new(id, at, length));
            else if (_bytes is not null)
            {
                foreach (var value in Encoding.UTF8.GetBytes(shown)) symbols.Add(new(_bytes[value], at, 0));
            }
            else if (_unknown is { } unknown)
            {
                isUnknown = true;
                if (!(wasUnknown && _fusesUnknown)) symbols.Add(new(unknown, at, length));
            }
            else
            {
                throw new CheckpointException($"{_source}: the vocabulary has no token for '{rune}' (U+{rune.Value:X4}) and no unknown token.");
            }
            (at, wasUnknown) = (at + length, isUnknown);
        }
        return [.. PairMerger.Merge(symbols, (left, right) => _merges.TryGetValue((left.Id, right.Id), out var merge) ? (merge.Rank, merge.Id) : null).Select(symbol => symbol.Id)];
    }
}
