using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Tests.Engine;

/// <summary>Approximate products lie within their bounds, and selections from them are those from exact products. Both ways to multiply are tested.</summary>
public sealed class ProductScreenTests
{
    public static TheoryData<int, int, int, double> Sizes => new()
    {
        { 33, 70, 40, 1 }, { 1, 1, 1, 1 }, { 100, 3000, 96, 1 }, { 40, 2500, 33, 1e-12 }, { 300, 2048, 64, 1e12 },
    };

    [Theory, MemberData(nameof(Sizes))]
    public void Errors_stay_within_their_bounds(int rows, int features, int width, double scale)
    {
        foreach (var plain in new[] { true, false })
        {
            using var scope = NewDisposeScope();
            using var products = new ProductScreen();
            var (x, w, _) = Made(rows, features, width, scale);
            var result = empty(rows, features);
            var screen = products.Product(x, w, result, plain)!;
            var exact = x.to(float64).matmul(w.to(float64).t());
            var bound = screen.RowLengths.to(float64).outer(screen.Deltas.to(float64)) + screen.RowDeltas.to(float64).outer(screen.Lengths.to(float64));
            var error = (result.to(float64) - exact).abs();
            Assert.True((error - bound).max().item<double>() <= 0);
            // A bound that is never nearly reached would leave too much open.
            Assert.True(bound.mean().item<double>() < 0.02 * screen.RowLengths.mean().item<float>() * screen.Lengths.mean().item<float>());
        }
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Selections_are_those_of_exact_products(int rows, int features, int width, double scale)
    {
        foreach (var plain in new[] { true, false })
        {
            using var scope = NewDisposeScope();
            using var products = new ProductScreen();
            var (x, w, bias) = Made(rows, features, width, scale);
            var result = empty(rows, features);
            var screen = products.Product(x, w, result, plain)!;
            var k = Math.Min(9, features);
            var limit = bias.abs() * 3;
            var exact = Exact(x, w);
            Same(SparseKernels.TopK(result, bias, k, false, screen), SparseKernels.TopK(exact, bias, k, false));
            Same(SparseKernels.TopK(result, null, k, true, screen), SparseKernels.TopK(exact, null, k, true));
            Same(SparseKernels.BatchTopK(result, bias, k * rows, screen), SparseKernels.BatchTopK(exact, bias, k * rows));
            Same(SparseKernels.Above(result, bias, limit, 0, screen), SparseKernels.Above(exact, bias, limit));
        }
    }

    [Fact]
    public void Equal_feature_rows_are_told_apart_by_their_index()
    {
        using var scope = NewDisposeScope();
        using var products = new ProductScreen();
        var (x, w, _) = Made(20, 64, 32, 1);
        var repeated = w.repeat(32, 1);
        var result = empty(20, 2048);
        var screen = products.Product(x, repeated, result, plain: true)!;
        Same(SparseKernels.TopK(result, null, 40, true, screen), SparseKernels.TopK(Exact(x, repeated), null, 40, true));
        Assert.True(products.LeftTooMuchOpen(result.numel()));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(3e38f)]
    public void What_has_no_bounds_is_left_to_exact_products(float value)
    {
        using var scope = NewDisposeScope();
        using var products = new ProductScreen();
        var (x, w, _) = Made(5, 40, 8, 1);
        x[2, 3].fill_(value);
        Assert.Null(products.Product(x, w, empty(5, 40), plain: true));
        x[2, 3].fill_(0);
        w[39, 7].fill_(value);
        Assert.Null(products.Product(x, w, empty(5, 40), plain: true));
    }

    // Each product by the same sum by which open entries are computed.
    private static Tensor Exact(Tensor x, Tensor w)
    {
        var (rows, features) = (x.shape[0], w.shape[0]);
        var all = new SparseRows(arange(0, rows + 1, int64) * features, arange(0, features, int64).repeat(rows), ones(rows * features));
        return SparseKernels.Dots(all, x, w).view(rows, features);
    }

    private static void Same(SparseRows got, SparseRows want)
    {
        Assert.Equal(want.Starts.data<long>().ToArray(), got.Starts.data<long>().ToArray());
        Assert.Equal(want.Indices.data<long>().ToArray(), got.Indices.data<long>().ToArray());
        if (got.Count > 0) Close.Check("values", got.Values, want.Values, atol: 0, rtol: 1e-5);
    }

    private static (Tensor X, Tensor W, Tensor Bias) Made(int rows, int features, int width, double scale)
    {
        using var generator = new Generator((ulong)(rows + features));
        var w = randn(features, width, generator: generator) * (rand(features, 1, generator: generator) + 0.2);
        return (randn(rows, width, generator: generator) * scale, w, randn(features, generator: generator) * scale);
    }
}
