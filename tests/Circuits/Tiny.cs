using Prisma.Core;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma.Tests.Circuits;

/// <summary>The tiny ViT and a batch for it.</summary>
internal static class Tiny
{
    internal static HookedModel Vit(long seed = 0) => new VitFamily().Tiny(seed);

    /// <summary>[n, 3, 16, 16], not owned by any scope.</summary>
    internal static Tensor Pictures(int count, ulong seed = 11)
    {
        using var generator = new Generator(seed);
        return randn(count, 3, 16, 16, generator: generator).DetachFromDisposeScope();
    }

    /// <summary>The formula of the hand-computed examples: sin(1.7(i+1) + 2.3(j+1) + 0.9(i+1)(j+1) + s), float64.</summary>
    internal static Tensor G(int rows, int columns, double s) => tensor(
        [.. from i in Enumerable.Range(1, rows) from j in Enumerable.Range(1, columns) select Math.Sin(1.7 * i + 2.3 * j + 0.9 * i * j + s)], [rows, columns]);

    internal static double[] Values(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.to(float64).data<double>().ToArray();
    }

    internal static void Near(double[] expected, Tensor got, double within = 1e-6)
    {
        var values = Values(got);
        Assert.Equal(expected.Length, values.Length);
        for (var k = 0; k < expected.Length; k++) Assert.True(Math.Abs(expected[k] - values[k]) <= within, $"value {k}: {values[k]}, expected {expected[k]}");
    }
}
