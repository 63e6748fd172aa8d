using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Which entries of products + bias [n, F] become codes. The sum is never stored; products may be approximate, within what a screen tells.
/// </summary>
internal delegate SparseRows SparseSelection(Tensor products, Tensor? bias, Screen? screen);

/// <summary>The selections of the architectures.</summary>
internal static class Keep
{
    /// <summary>The k largest of each row above zero.</summary>
    internal static SparseSelection TopK(int k) => (products, bias, screen) => SparseKernels.TopK(products, bias, k, positiveOnly: true, screen);

    /// <summary>The k of largest magnitude of each row, with their signs.</summary>
    internal static SparseSelection TopMagnitudes(int k) => (products, bias, screen) => Magnitudes.TopK(products, bias, k, screen);

    /// <summary>The k·rows largest of the batch above zero; k need not be whole.</summary>
    internal static SparseSelection BatchTopK(double k) => (products, bias, screen) => SparseKernels.BatchTopK(products, bias, (long)(k * products.shape[0]), screen);

    /// <summary>Everything above its feature's limit [F]; a hint of how many to expect per row saves a second pass.</summary>
    internal static SparseSelection Above(Tensor limit, double expected = 64) =>
        (products, bias, screen) => SparseKernels.Above(products, bias, limit, (long)(expected * products.shape[0]), screen);
}
