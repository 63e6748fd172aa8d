using System.Collections.Concurrent;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// Byte-pair encoding of one word (Sennrich et al. 2016, on bytes as in GPT-2): the strongest pair of neighbours is merged
/// everywhere, from the left, until no pair has a merge. A linked list and a heap keep it at n log n for a word of n bytes.
/// </summary>
internal sealed class Bpe
{
    private const int Unknown = -1, Gone = -2;
    private const int LongestCached = 64, MostCached = 1 << 16;

    private readonly Dictionary<(int Left, int Right), (int Rank, int Whole)> _merges;
    private readonly int[] _inside = new int[256], _last = new int[256];
    private readonly int _unknown;
    private readonly string _source;
    private readonly ConcurrentDictionary<string, int[]> _cache = new();

    /// <param name="vocabulary">Tokens and merges.</param>
    /// <param name="unknown">The id for bytes that the vocabulary lacks, or −1 to refuse them.</param>
    public Bpe(BpeVocabulary vocabulary, int unknown)
    {
        var ids = vocabulary.Ids;
        _source = vocabulary.Source;
        _unknown = unknown;
        _merges = new(vocabulary.Merges.Count);
        for (var rank = 0; rank < vocabulary.Merges.Count; rank++)
        {
            var (left, right) = vocabulary.Merges[rank];
            _merges[(ids[left], ids[right])] = (rank, ids[left + right]);
        }
        for (var value = 0; value < 256; value++)
        {
            var shown = ByteAlphabet.Show((byte)value).ToString();
            _inside[value] = ids.GetValueOrDefault(shown, Unknown);
            _last[value] = ids.GetValueOrDefault(shown + vocabulary.WordEnd, Unknown);
        }
    }

    /// <summary>Appends the ids of a word to <paramref name="into"/>.</summary>
    public void Encode(string word, List<int> into)
    {
        if (!_cache.TryGetValue(word, out var pieces))
        {
            pieces = Merge(System.Text.Encoding.UTF8.GetBytes(word));
            if (word.Length <= LongestCached && _cache.Count < MostCached) _cache.TryAdd(word, pieces);
        }
        into.AddRange(pieces);
    }

    private int[] Merge(byte[] word)
    {
        var pieces = new int[word.Length];
        var next = new int[word.Length];
        var previous = new int[word.Length];
        for (var i = 0; i < word.Length; i++)
        {
            pieces[i] = i == word.Length - 1 ? _last[word[i]] : _inside[word[i]];
            next[i] = i + 1 < word.Length ? i + 1 : -1;
            previous[i] = i - 1;
        }
        var pairs = new PriorityQueue<Pair, (int Rank, int At)>();
        for (var i = 0; i + 1 < word.Length; i++) Offer(i);

        // New neighbours wait until every pair of the same strength is merged: the reference merges one pair at a time, everywhere.
        var changed = new List<int>();
        var rank = -1;
        while (true)
        {
            var isOver = !pairs.TryPeek(out var pair, out var strength);
            if ((isOver || strength.Rank != rank) && changed.Count > 0)
            {
                OfferChanged();
                continue;
            }
            if (isOver) break;
            pairs.Dequeue();
            rank = strength.Rank;
            var right = next[pair.At];
            if (pieces[pair.At] != pair.Left || right < 0 || pieces[right] != pair.Right) continue;
            pieces[pair.At] = pair.Whole;
            pieces[right] = Gone;
            next[pair.At] = next[right];
            if (next[right] >= 0) previous[next[right]] = pair.At;
            changed.Add(pair.At);
        }
        return Collect(pieces, word);

        void Offer(int at)
        {
            if (next[at] >= 0 && _merges.TryGetValue((pieces[at], pieces[next[at]]), out var merge))
                pairs.Enqueue(new(at, pieces[at], pieces[next[at]], merge.Whole), (merge.Rank, at));
        }

        void OfferChanged()
        {
            foreach (var at in changed)
            {
                if (pieces[at] == Gone) continue;
                Offer(at);
                if (previous[at] >= 0) Offer(previous[at]);
            }
            changed.Clear();
        }
    }

    private int[] Collect(int[] pieces, byte[] word)
    {
        var kept = new List<int>(pieces.Length);
        for (var i = 0; i < pieces.Length; i++)
        {
            if (pieces[i] == Gone) continue;
            if (pieces[i] == Unknown && _unknown < 0)
                throw new CheckpointException($"{_source}: the vocabulary has no token for byte {word[i]:X2} and no unknown token.");
            kept.Add(pieces[i] == Unknown ? _unknown : pieces[i]);
        }
        return [.. kept];
    }

    private readonly record struct Pair(int At, int Left, int Right, int Whole);
}
