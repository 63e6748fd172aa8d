using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// What a selective coder computed for one batch, over all features or over the entries that were kept. Predictions are differentiable, without the
/// decoder's bias. Lives in the step's scope.
/// </summary>
/// <param name="normed">The normalised input.</param>
internal abstract class SelectiveForward(NormedInput normed)
{
    /// <summary>The normalised input.</summary>
    internal NormedInput Normed { get; } = normed;

    /// <summary>The complete prediction, once it has been made.</summary>
    internal Tensor? Prediction { get; set; }

    /// <summary>What all kept codes write: [n, d_out].</summary>
    internal abstract Tensor Written();

    /// <summary>What the kept codes of each group of features write, groups ending at rising numbers: [n, d_out] each.</summary>
    internal abstract IEnumerable<Tensor> WrittenByGroup(IReadOnlyList<int> ends);

    /// <summary>What each row's largest kept code writes, then each row's second, up to the k-th: [n, d_out] each.</summary>
    internal abstract IEnumerable<Tensor> WrittenByRank(int k);

    /// <summary>What the k largest codes above zero of each row write, kept or not: [n, d_out].</summary>
    internal abstract Tensor WrittenByLargest(int k, bool trainsEncoder);

    /// <summary>What the k largest dead features of each row write: [n, d_out].</summary>
    /// <param name="options">Which count as large, and whether the encoder learns.</param>
    /// <param name="dead">bool [F].</param>
    /// <param name="number">How many are dead.</param>
    /// <param name="k">How many a row may use; where fewer are dead, all.</param>
    internal abstract Tensor WrittenByDead(AuxOptions options, Tensor dead, long number, int k);

    /// <summary>Tells which features fired.</summary>
    internal abstract void Tell(DeadFeatures dead);

    /// <summary>Kept values above zero with the smallest of the batch among them; or, if asked, the smallest of each row that has one.</summary>
    internal abstract Tensor Smallest(bool ofEachRow);
}
