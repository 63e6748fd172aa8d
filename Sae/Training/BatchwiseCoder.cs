using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Coders in training that keep the k·rows largest positive entries of the whole batch; frozen with the running threshold.</summary>
public abstract class BatchwiseCoder : SelectiveCoder
{
    /// <summary>Random weights.</summary>
    protected BatchwiseCoder(CoderShape shape, SelectiveOptions options, long seed) : base(shape, options, seed) { }

    /// <inheritdoc/>
    public override string Frozen => "batchtopk";

    private protected override Tensor Select(Tensor ranked, StepInfo step) => Largest.OfBatch(ranked, StepK(step));

    private protected override Func<StepInfo, SparseSelection>? Selection => step => Keep.BatchTopK(StepK(step));

    private protected override bool FollowsThreshold => true;

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new BatchTopKCoder(card, RankedWeights(), K, Threshold < 0 ? null : Threshold);
}
