namespace Prisma.Text;

/// <summary>
/// Merges neighbours, the strongest pair first and of equals the leftmost, until no pair has a merge. A linked list and a heap keep it at
/// n log n for n symbols.
/// </summary>
internal static class PairMerger
{
    /// <summary>A symbol: its id (−1 where it has none) and where it stands in the piece.</summary>
    internal readonly record struct Symbol(int Id, int Start, int Length);

    /// <summary>The id that a pair merges to and its rank, the lower the stronger; null where it does not merge.</summary>
    internal delegate (double Rank, int Id)? Find(Symbol left, Symbol right);

    /// <summary>The symbols that are left, in order.</summary>
    public static List<Symbol> Merge(List<Symbol> symbols, Find find)
    {
        var (next, previous, isGone) = (new int[symbols.Count], new int[symbols.Count], new bool[symbols.Count]);
        for (var i = 0; i < symbols.Count; i++) (next[i], previous[i]) = (i + 1 < symbols.Count ? i + 1 : -1, i - 1);
        var pairs = new PriorityQueue<(int At, int Right, Symbol Left, Symbol Follower, int Id), (double Rank, int At)>();
        for (var i = 0; i + 1 < symbols.Count; i++) Offer(i);
        while (pairs.TryDequeue(out var pair, out _))
        {
            if (isGone[pair.At] || next[pair.At] != pair.Right || symbols[pair.At] != pair.Left || symbols[pair.Right] != pair.Follower) continue;
            symbols[pair.At] = new Symbol(pair.Id, pair.Left.Start, pair.Left.Length + pair.Follower.Length);
            isGone[pair.Right] = true;
            next[pair.At] = next[pair.Right];
            if (next[pair.At] >= 0) previous[next[pair.At]] = pair.At;
            if (previous[pair.At] >= 0) Offer(previous[pair.At]);
            Offer(pair.At);
        }
        return [.. symbols.Where((_, i) => !isGone[i])];

        void Offer(int at)
        {
            if (next[at] is var right and >= 0 && find(symbols[at], symbols[right]) is { } merge)
                pairs.Enqueue((at, right, symbols[at], symbols[right], merge.Id), (merge.Rank, at));
        }
    }
}
