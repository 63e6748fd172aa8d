using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Which entries of x + bias [n, F] become codes. Given products without the bias, so that the sum is never stored.</summary>
internal delegate SparseRows SparseSelection(Tensor products, Tensor? bias);

/// <summary>The selections of the architectures.</summary>
internal static class Select
{
    /// <summary>The k largest of each row above zero.</summary>
    internal static SparseSelection TopK(int k) => (products, bias) => SparseKernels.TopK(products, bias, k, positiveOnly: true);

    /// <summary>The k·rows largest of the batch above zero; k need not be whole.</summary>
    internal static SparseSelection BatchTopK(double k) => (products, bias) => SparseKernels.BatchTopK(products, bias, (long)(k * products.shape[0]));

    /// <summary>Everything above its feature's limit [F]; a hint of how many to expect per row saves a second pass.</summary>
    internal static SparseSelection Above(Tensor limit, double expected = 64) =>
        (products, bias) => SparseKernels.Above(products, bias, limit, (long)(expected * products.shape[0]));
}
