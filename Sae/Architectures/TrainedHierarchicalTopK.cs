using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// One coder for every budget up to k: the mean of the reconstruction losses with the 1, 2, …, k largest features of a row. "Train One Sparse
/// Autoencoder Across Multiple Sparsity Budgets" (Balagansky et al. 2025).
/// </summary>
[TrainedArchitecture("hierarchical_topk")]
public sealed class TrainedHierarchicalTopK(CoderShape shape, SelectiveOptions options, long seed) : SelectiveCoder(shape, options, seed)
{
    /// <inheritdoc/>
    public override string Frozen => "topk";

    private protected override Tensor Select(Tensor ranked, StepInfo step) => Largest.OfRows(ranked, (int)StepK(step)).relu();

    // One running sum of feature rows: after j of them it is the prediction with j features.
    private protected override IEnumerable<LossTerm> Terms(SelectiveForward forward, Tensor prediction, TrainRows batch, StepInfo step)
    {
        var k = (int)StepK(step);
        var (values, places) = forward.Codes.topk(k, 1);
        var decoded = Bias.expand(batch.Inputs.shape[0], Shape.OutputWidth);
        Tensor? sum = null;
        for (var j = 0; j < k; j++)
        {
            var feature = places.select(1, j);
            var written = values.narrow(1, j, 1) * Decoder.index_select(0, feature);
            decoded = decoded + (forward.Lengths is { } lengths ? written / lengths.index_select(0, feature).unsqueeze(1) : written);
            var distance = Distance(Complete(decoded, forward.Normed, batch.Inputs), batch.Targets);
            sum = sum is null ? distance : sum + distance;
        }
        yield return new LossTerm("reconstruction", sum! / k);
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new TopKCoder(card, RankedWeights(), (int)K);
}
