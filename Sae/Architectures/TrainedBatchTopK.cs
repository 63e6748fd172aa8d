using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The k·rows largest positive pre-activations of the whole batch, so that hard rows get more features; frozen with the running threshold.
/// "BatchTopK Sparse Autoencoders" (Bussmann et al. 2024).
/// </summary>
[TrainedArchitecture("batchtopk")]
public sealed class TrainedBatchTopK(CoderShape shape, SelectiveOptions options, long seed) : SelectiveCoder(shape, options, seed)
{
    /// <inheritdoc/>
    public override string Frozen => "batchtopk";

    private protected override Tensor Select(Tensor ranked, StepInfo step) => BatchSelection.Largest(ranked, StepK(step));

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new BatchTopKCoder(card, RankedWeights(), K, Threshold < 0 ? null : Threshold);
}
