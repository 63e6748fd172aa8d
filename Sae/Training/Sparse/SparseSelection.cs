using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Which entries of products + bias [n, F] become codes.</summary>
/// <param name="Choose">The sum is never stored; products may be approximate, within what a screen tells.</param>
/// <param name="ByRow">Whether each row is chosen from by itself, so that a batch may come in parts.</param>
internal sealed record SparseSelection(Func<Tensor, Tensor?, Screen?, SparseRows> Choose, bool ByRow);

/// <summary>The selections of the architectures.</summary>
internal static class Keep
{
    /// <summary>The k largest of each row above zero.</summary>
    internal static SparseSelection TopK(int k) => new((products, bias, screen) => SparseKernels.TopK(products, bias, k, positiveOnly: true, screen), ByRow: true);

    /// <summary>The k of largest magnitude of each row, with their signs.</summary>
    internal static SparseSelection TopMagnitudes(int k) => new((products, bias, screen) => Magnitudes.TopK(products, bias, k, screen), ByRow: true);

    /// <summary>The k·rows largest of the batch above zero; k need not be whole.</summary>
    internal static SparseSelection BatchTopK(double k) =>
        new((products, bias, screen) => SparseKernels.BatchTopK(products, bias, (long)(k * products.shape[0]), screen), ByRow: false);

    /// <summary>Everything above its feature's limit [F]; a hint of how many to expect per row saves a second pass.</summary>
    internal static SparseSelection Above(Tensor limit, double expected = 64) =>
        new((products, bias, screen) => SparseKernels.Above(products, bias, limit, (long)(expected * products.shape[0]), screen), ByRow: true);
}
