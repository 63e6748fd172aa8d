using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Centred kernel alignment (Kornblith et al. 2019): how alike the similarities between inputs are in two representations. 1 for equal ones
/// up to rotation and scale. In double precision.
/// </summary>
public static class Cka
{
    private const double Tiny = 1e-6;

    /// <summary>Linear CKA, ‖XᵀY‖² / (‖XᵀX‖·‖YᵀY‖) of centred columns; biased upwards by about d/n for independent data.</summary>
    /// <param name="x">[n, a].</param>
    /// <param name="y">[n, b], rows of the same inputs.</param>
    public static double Linear(Tensor x, Tensor y)
    {
        CentredRows.Check(x, y, least: 2);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var (a, b) = (CentredRows.Of(x), CentredRows.Of(y));
        // Whichever products are smaller: those of channels, or those of inputs.
        var (cross, own, other) = Math.Max(a.shape[1], b.shape[1]) <= a.shape[0]
            ? (a.t().matmul(b).square().sum(), a.t().matmul(a).norm(), b.t().matmul(b).norm())
            : ((a.matmul(a.t()) * b.matmul(b.t())).sum(), a.matmul(a.t()).norm(), b.matmul(b.t()).norm());
        var norms = own.item<double>() * other.item<double>();
        return norms > 0 ? cross.item<double>() / norms : double.NaN;
    }

    /// <summary>Linear CKA with the unbiased estimate of <see cref="Hsic"/>: about 0 for independent data; NaN where an estimate of its own norm is not positive.</summary>
    public static double Debiased(Tensor x, Tensor y)
    {
        CentredRows.Check(x, y, least: 4);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var (k, l) = (Kernel(x), Kernel(y));
        return Hsic(k, l) / Math.Sqrt(Hsic(k, k) * Hsic(l, l));
    }

    /// <summary>The unbiased Hilbert–Schmidt independence criterion of two kernel matrices [n, n] (Song et al. 2012, eq. 5); n at least 4.</summary>
    public static double Hsic(Tensor k, Tensor l)
    {
        CentredRows.Check(k, l, least: 4);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var n = (double)k.shape[0];
        var off = 1 - eye(k.shape[0], dtype: float64, device: k.device);
        var (a, b) = (k.to(float64) * off, l.to(float64) * off);
        var trace = (a * b.t()).sum().item<double>();
        var sums = a.sum().item<double>() * b.sum().item<double>() / ((n - 1) * (n - 2));
        var cross = a.sum(0L).dot(b.sum(1L)).item<double>() * 2 / (n - 2);
        return (trace + sums - cross) / (n * (n - 3));
    }

    /// <summary>
    /// CKNNA (Huh et al. 2024): the same over pairs of inputs that are among each other's k nearest in both representations, k = 10 by
    /// default; NaN where an estimate is not positive.
    /// </summary>
    public static double NearestNeighbours(Tensor x, Tensor y, int neighbours = 10)
    {
        CentredRows.Check(x, y, least: 4);
        if (neighbours < 1 || neighbours >= x.shape[0]) throw new OptionsException($"{neighbours} neighbours of {x.shape[0]} inputs; 1 to {x.shape[0] - 1} can be asked for.");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var (k, l) = (Kernel(x), Kernel(y));
        var (nearK, nearL) = (Near(k, neighbours), Near(l, neighbours));
        double Similar(Tensor p, Tensor q, Tensor mask) => Hsic(mask * p, mask * q);
        var own = Similar(k, k, nearK) * Similar(l, l, nearL);
        return own > 0 ? Similar(k, l, nearK * nearL) / (Math.Sqrt(own) + Tiny) : double.NaN;
    }

    private static Tensor Kernel(Tensor x)
    {
        var exact = x.detach().to(float64);
        return exact.matmul(exact.t());
    }

    // 1 at the largest entries of each row, the diagonal left out.
    private static Tensor Near(Tensor kernel, int count)
    {
        var (_, best) = kernel.masked_fill(eye(kernel.shape[0], dtype: float64, device: kernel.device).gt(0), double.NegativeInfinity).topk(count, dim: 1);
        return kernel.zeros_like().scatter(1, best, ones(best.shape, float64, kernel.device));
    }
}
