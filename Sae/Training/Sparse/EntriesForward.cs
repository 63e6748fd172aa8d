using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>A selective coder's batch through the entries that were kept.</summary>
/// <param name="graph">The batch.</param>
/// <param name="entries">What was kept, without zeros.</param>
/// <param name="lengths">‖W_dec‖ where features are ranked by it: [F].</param>
internal sealed class EntriesForward(SparseGraph graph, SparseEntries entries, Tensor? lengths) : SelectiveForward(graph.Normed)
{
    // A gathered row costs about as much as so many columns of a matrix product.
    private const long DenseBelow = 8;

    /// <summary>What was kept.</summary>
    internal SparseEntries Entries => entries;

    internal override Tensor Written() => graph.Written(entries, entries.Pre);

    internal override IEnumerable<Tensor> WrittenByGroup(IReadOnlyList<int> ends)
    {
        for (var (k, start) = (0, 0); k < ends.Count; start = ends[k++])
            yield return Written(entries.Indices.ge(start).logical_and(entries.Indices.lt(ends[k])).nonzero().squeeze(1));
    }

    internal override IEnumerable<Tensor> WrittenByRank(int k)
    {
        var (values, places) = entries.Sorted();
        for (var j = 0; j < k; j++)
            yield return Written(j < values.shape[1] ? places.select(1, j).masked_select(values.select(1, j).gt(0)) : zeros(0, int64));
    }

    internal override Tensor WrittenByLargest(int k, bool trainsEncoder)
    {
        var largest = graph.Select(Keep.TopK(k), trainsEncoder);
        return graph.Written(largest, largest.Pre);
    }

    // Few features with many codes a row are multiplied as a small dense matrix, many with few as sparse rows.
    internal override Tensor WrittenByDead(AuxOptions options, Tensor dead, long number, int k)
    {
        var places = dead.nonzero().squeeze(1);
        var raw = options.Candidates == AuxCandidates.Raw;
        k = (int)Math.Min(k, number);
        if (number == 0) return Written(zeros(0, int64));
        if (k * DenseBelow < number)
        {
            var largest = graph.Among(places, k, positiveOnly: !raw, options.TrainsEncoder);
            return graph.Written(largest, largest.Pre);
        }
        var pre = graph.Pre(places, options.TrainsEncoder);
        var own = lengths?.index_select(0, places);
        var ranked = own is null ? pre : pre * own;
        var codes = Largest.OfRows(raw ? ranked : ranked.relu(), k);
        return (own is null ? codes : codes / own).matmul(graph.DecoderRows(places));
    }

    internal override void Tell(DeadFeatures dead) => dead.NoteEntries(entries, entries.Rows.Values);

    internal override Tensor Smallest(bool ofEachRow)
    {
        if (!ofEachRow || entries.Rows.Count == 0) return entries.Rows.Values.masked_select(entries.Rows.Values.gt(0));
        var (values, _) = entries.Sorted();
        var smallest = values.masked_fill(values.gt(0).logical_not(), double.PositiveInfinity).amin(1);
        return smallest.masked_select(smallest.isfinite());
    }

    private Tensor Written(Tensor places)
    {
        var some = entries.At(places);
        return graph.Written(some, some.Pre);
    }
}
