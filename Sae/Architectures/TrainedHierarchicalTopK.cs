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

    private protected override Func<StepInfo, SparseSelection>? Selection => step => Keep.TopK((int)StepK(step));

    // One running sum of feature rows: after j of them it is the prediction with j features.
    private protected override IEnumerable<LossTerm> Terms(SelectiveForward forward, TrainRows batch, StepInfo step)
    {
        var k = (int)StepK(step);
        var decoded = Bias.expand(batch.Inputs.shape[0], Shape.OutputWidth);
        Tensor? sum = null;
        foreach (var written in forward.WrittenByRank(k))
        {
            decoded = decoded + written;
            var distance = Distance(Complete(decoded, forward.Normed, batch.Inputs), batch.Targets);
            sum = sum is null ? distance : sum + distance;
        }
        yield return new LossTerm("reconstruction", sum! / k);
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new TopKCoder(card, RankedWeights(), (int)K);
}
