using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>A selective coder's batch over all features: matrices [n, F], differentiated by autograd.</summary>
/// <param name="normed">The normalised input.</param>
/// <param name="ranked">What features are ranked by: [n, F].</param>
/// <param name="codes">What is kept of it: [n, F].</param>
/// <param name="lengths">‖W_dec‖ where features are ranked by it: [F].</param>
/// <param name="decoder">W_dec: [F, d_out].</param>
internal sealed class DenseForward(NormedInput normed, Tensor ranked, Tensor codes, Tensor? lengths, Tensor decoder) : SelectiveForward(normed)
{
    /// <summary>What features are ranked by: [n, F].</summary>
    internal Tensor Ranked => ranked;

    /// <summary>What is kept of it: [n, F].</summary>
    internal Tensor Codes => codes;

    internal override Tensor Written() => Decode(codes);

    /// <summary>Codes [n, F], in the units in which features are ranked, times W_dec.</summary>
    internal Tensor Decode(Tensor some) => (lengths is null ? some : some / lengths).matmul(decoder);

    internal override IEnumerable<Tensor> WrittenByGroup(IReadOnlyList<int> ends)
    {
        var values = lengths is null ? codes : codes / lengths;
        for (var (k, start) = (0, 0); k < ends.Count; start = ends[k++])
            yield return values.narrow(1, start, ends[k] - start).matmul(decoder.narrow(0, start, ends[k] - start));
    }

    internal override IEnumerable<Tensor> WrittenByRank(int k)
    {
        var (values, places) = codes.topk(k, 1);
        for (var j = 0; j < k; j++)
        {
            var feature = places.select(1, j);
            var written = values.narrow(1, j, 1) * decoder.index_select(0, feature);
            yield return lengths is null ? written : written / lengths.index_select(0, feature).unsqueeze(1);
        }
    }

    internal override Tensor WrittenByLargest(int k, bool trainsEncoder) => Decode(Largest.OfRows(trainsEncoder ? ranked : ranked.detach(), k).relu());

    internal override Tensor WrittenByDead(AuxOptions options, Tensor dead, long number, int k)
    {
        var candidates = options.TrainsEncoder ? ranked : ranked.detach();
        return Decode(options.Candidates == AuxCandidates.PositiveOrZero
            ? Largest.OfRows(candidates.relu() * dead.to(ranked.dtype), (int)Math.Min(k, ranked.shape[1]))
            : Largest.OfRows((options.Candidates == AuxCandidates.Raw ? candidates : candidates.relu()).masked_fill(dead.logical_not(), double.NegativeInfinity), (int)Math.Min(k, number)));
    }

    internal override void Tell(DeadFeatures dead) => dead.Note(codes);

    internal override Tensor Smallest(bool ofEachRow)
    {
        var smallest = codes.detach().masked_fill(codes.le(0), double.PositiveInfinity).amin(1);
        return smallest.masked_select(smallest.isfinite());
    }
}
