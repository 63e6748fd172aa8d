using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>
/// One summand of the gradient of a matrix of feature rows [F, d]. Sparse: feature f gets Σ coef·source[row] over its entries; with prefixes,
/// source is [groups, n, d] and a feature takes its own group's. Dense: feature f gets source[f]. Borrows the tensors.
/// </summary>
/// <param name="Source">[n, d], [groups, n, d], or the gradient [F, d] itself.</param>
/// <param name="Order">The entries; null for a dense part.</param>
/// <param name="Coefs">A coefficient per entry, in the order of the rows: [E]; null for a dense part.</param>
/// <param name="Ends">The feature at which each group ends; null without groups.</param>
internal readonly record struct RowPart(Tensor Source, FeatureOrder? Order = null, Tensor? Coefs = null, long[]? Ends = null)
{
    /// <summary>Width of the rows.</summary>
    internal long Width => Source.shape[^1];

    /// <summary>Number of groups of the source.</summary>
    internal int Groups => Ends?.Length ?? 1;

    /// <summary>All tensors of the part that hold numbers.</summary>
    internal IEnumerable<Tensor> Numbers => Coefs is null ? [Source] : [Source, Coefs];
}
