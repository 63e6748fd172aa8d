using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Chooses among products [n, F] + bias, a whole batch or a band of its rows; the sum is never stored.</summary>
/// <param name="products">They may be approximate, within what the screen tells.</param>
/// <param name="bias">[F].</param>
/// <param name="screen">What the products approximate; null where they are exact.</param>
/// <param name="rows">Rows of the whole batch.</param>
internal delegate SparseRows SparseChoice(Tensor products, Tensor? bias, Screen? screen, long rows);

/// <summary>Which entries of products + bias [n, F] become codes.</summary>
/// <param name="Choose">From a batch, or what may be kept of a band of its rows.</param>
/// <param name="Settle">What is kept of the bands' choices together, given the batch's rows; null where all is.</param>
internal sealed record SparseSelection(SparseChoice Choose, Func<SparseRows, long, SparseRows>? Settle = null);

/// <summary>The selections of the architectures.</summary>
internal static class Keep
{
    /// <summary>The k largest of each row above zero.</summary>
    internal static SparseSelection TopK(int k) => new((products, bias, screen, _) => SparseKernels.TopK(products, bias, k, positiveOnly: true, screen));

    /// <summary>The k of largest magnitude of each row, with their signs.</summary>
    internal static SparseSelection TopMagnitudes(int k) => new((products, bias, screen, _) => Magnitudes.TopK(products, bias, k, screen));

    /// <summary>The k·rows largest of the batch above zero; k need not be whole.</summary>
    internal static SparseSelection BatchTopK(double k) => new(
        (products, bias, screen, rows) => SparseKernels.BatchTopK(products, bias, (long)(k * rows), screen),
        // None of the largest of all is missing among the as many largest of each band.
        (found, rows) => found.At(SparseKernels.BatchTopK(found.Values.unsqueeze(0), null, (long)(k * rows)).Indices));

    /// <summary>Everything above its feature's limit [F]; a hint of how many to expect per row saves a second pass.</summary>
    internal static SparseSelection Above(Tensor limit, double expected = 64) =>
        new((products, bias, screen, _) => SparseKernels.Above(products, bias, limit, (long)(expected * products.shape[0]), screen));
}
