using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>Compares tensors and says where and by how much they differ.</summary>
internal static class Close
{
    /// <summary>|got − want| ≤ atol + rtol·|want|; equal infinities are equal; axes of size 1 and missing batch axes broadcast.</summary>
    internal static void Check(string what, Tensor got, Tensor want, double atol = 1e-5, double rtol = 1e-5)
    {
        using var scope = NewDisposeScope();
        var (g, w) = (got.to(float64), want.to(float64));
        Assert.True(Squeezed(got).SequenceEqual(Squeezed(want)), $"{what}: shape [{string.Join(", ", got.shape)}], expected [{string.Join(", ", want.shape)}]");
        w = w.reshape(g.shape);
        var difference = (g - w).abs().masked_fill(g.eq(w), 0);
        var excess = difference - (w.abs().masked_fill(w.abs().eq(double.PositiveInfinity), 0) * rtol + atol);
        Assert.False(excess.isnan().any().item<bool>(), $"{what}: NaN");
        var worst = excess.max().item<double>();
        Assert.True(worst <= 0, $"{what}: differs by up to {difference.max().item<double>():g3} (allowed {atol:g2} + {rtol:g2}·|expected|)");
    }

    private static IEnumerable<long> Squeezed(Tensor tensor) => tensor.shape.Where(size => size != 1);
}
