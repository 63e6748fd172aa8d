namespace Prisma.Sae;

/// <summary>
/// A reconstruction loss Σ_g factor_g / 2 · Σ_r weight_r · ‖x̂_g,r − y_r‖² over nested prefixes g of the features; one prefix for all but
/// Matryoshka coders.
/// </summary>
/// <param name="Factors">One per prefix.</param>
/// <param name="Ends">Where prefixes end; null for one that holds all features.</param>
/// <param name="RowWeights">A weight per row [n]; null for ones.</param>
internal sealed record SparseLoss(IReadOnlyList<double> Factors, long[]? Ends = null, TorchSharp.torch.Tensor? RowWeights = null)
{
    /// <summary>Σ e² over a row, mean over rows, times a weight.</summary>
    internal static SparseLoss Sse(long rows, double weight = 1) => new([2 * weight / rows]);

    /// <summary>Mean of e² over all numbers, times a weight.</summary>
    internal static SparseLoss Mse(long rows, long width, double weight = 1) => new([2 * weight / (rows * (double)width)]);

    /// <summary>The value of the loss from what <see cref="SparseForward.Error"/> found.</summary>
    internal double Value(Engine.SparseError error) => Factors.Zip(error.Squares, (factor, squares) => factor / 2 * squares).Sum();
}
