using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The k pre-activations of largest magnitude with their signs, so that one feature carries a concept and its opposite. "AbsTopK: Rethinking Sparse
/// Autoencoders For Bidirectional Features" (Zhu et al. 2025).
/// </summary>
[TrainedArchitecture("abstopk")]
public sealed class TrainedAbsTopK(CoderShape shape, SelectiveOptions options, long seed) : SelectiveCoder(shape, options, seed)
{
    /// <inheritdoc/>
    public override string Frozen => "abstopk";

    private protected override Tensor Select(Tensor ranked, StepInfo step) => Largest.OfMagnitudes(ranked, (int)StepK(step));

    private protected override Func<StepInfo, SparseSelection>? Selection => step => Keep.TopMagnitudes((int)StepK(step));

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new AbsTopKCoder(card, RankedWeights(), (int)K);
}
