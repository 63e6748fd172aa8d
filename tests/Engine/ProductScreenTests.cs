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
            var screen = Product(products, x, w, null, result, plain)!;
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
            var screen = Product(products, x, w, bias, result, plain)! with { Most = long.MaxValue };
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
        // Most of it is open, and computed, where nothing stops the selection.
        var screen = Product(products, x, repeated, null, result, plain: true)! with { Most = long.MaxValue };
        Same(SparseKernels.TopK(result, null, 40, true, screen), SparseKernels.TopK(Exact(x, repeated), null, 40, true));
        Assert.True(products.Examined > result.numel() / 32);
    }

    [Fact]
    public void A_selection_gives_up_where_too_much_is_open()
    {
        using var scope = NewDisposeScope();
        using var products = new ProductScreen();
        var (x, w, _) = Made(20, 64, 32, 1);
        var repeated = w.repeat(32, 1);
        var result = empty(20, 2048);
        var screen = Product(products, x, repeated, null, result, plain: true)!;
        foreach (var found in new[] { SparseKernels.TopK(result, null, 40, true, screen), SparseKernels.BatchTopK(result, null, 800, screen), SparseKernels.Above(result, null, zeros(2048), 0, screen) })
        {
            Assert.True(screen.Overrun);
            Assert.Equal(0, found.Count);
        }
        Same(SparseKernels.TopK(result, null, 1, true, screen with { Most = long.MaxValue }), SparseKernels.TopK(Exact(x, repeated), null, 1, true));
    }

    public static TheoryData<string> Adversaries => ["near-equal", "one large number", "tiny and huge", "denormal", "cancelling", "equal", "zero", "lengths apart"];

    // What the bounds are hardest pressed by: each kind as inputs and as features, and against random ones.
    [Theory, MemberData(nameof(Adversaries))]
    public void Adversarial_numbers_are_chosen_as_by_exact_products(string kind)
    {
        foreach (var plain in new[] { true, false })
        {
            using var scope = NewDisposeScope();
            using var products = new ProductScreen();
            var x = Adversary(kind, 70, 48, 1);
            var w = Adversary(kind, 2100, 48, 2);
            foreach (var (left, right) in new[] { (x, w), (x, Adversary("", 2100, 48, 3)), (Adversary("", 70, 48, 4), w) })
            {
                var result = empty(70, 2100);
                var screen = Product(products, left, right, null, result, plain)! with { Most = long.MaxValue };
                var exact = Exact(left, right);
                var bound = screen.RowLengths.to(float64).outer(screen.Deltas.to(float64)) + screen.RowDeltas.to(float64).outer(screen.Lengths.to(float64));
                Assert.True(((result.to(float64) - exact.to(float64)).abs() - bound).max().item<double>() <= 1e-30, $"{kind}: beyond its bound");
                Same(SparseKernels.TopK(result, null, 20, false, screen), SparseKernels.TopK(exact, null, 20, false));
                Same(SparseKernels.BatchTopK(result, null, 900, screen), SparseKernels.BatchTopK(exact, null, 900));
                Same(SparseKernels.Above(result, null, exact.amax(0) * 0.5, 0, screen), SparseKernels.Above(exact, null, exact.amax(0) * 0.5));
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(3e38f)]
    [InlineData(2e18f)]
    public void What_has_no_bounds_is_left_to_exact_products(float value)
    {
        using var scope = NewDisposeScope();
        using var products = new ProductScreen();
        var (x, w, bias) = Made(5, 40, 8, 1);
        x[2, 3].fill_(value);
        Assert.Null(Product(products, x, w, bias, empty(5, 40), plain: true));
        x[2, 3].fill_(0);
        w[39, 7].fill_(value);
        Assert.Null(Product(products, x, w, bias, empty(5, 40), plain: true));
        w[39, 7].fill_(0);
        Assert.NotNull(Product(products, x, w, bias, empty(5, 40), plain: true));
        bias[3].fill_(value * 1e15f);
        Assert.Null(Product(products, x, w, bias, empty(5, 40), plain: true));
    }

    private static Tensor Adversary(string kind, int rows, int width, ulong seed)
    {
        using var generator = new Generator(seed);
        var noise = randn(rows, width, generator: generator);
        return kind switch
        {
            // Rows that differ by less than the rounding of bfloat16.
            "near-equal" => randn(1, width, generator: generator) + noise * 1e-4,
            "one large number" => cat([noise.narrow(1, 0, width - 1), full(rows, 1, 1e6)], 1),
            "tiny and huge" => noise * tensor(new[] { 1e-25f, 1f, 1e12f, 1e-12f }).repeat((rows + 3) / 4).narrow(0, 0, rows).unsqueeze(1),
            "denormal" => noise * 1e-39,
            // Large parts of opposite sign that leave little.
            "cancelling" => cat([noise.narrow(1, 0, width / 2) * 1e4, noise.narrow(1, 0, width / 2) * ((long)seed % 2 == 1 ? 1e4 : -1e4)], 1) + noise * 1e-2,
            "equal" => ones(rows, width),
            "zero" => zeros(rows, width),
            "lengths apart" => noise * (randn(rows, 1, generator: generator) * 8).exp(),
            _ => noise,
        };
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

    private static Screen? Product(ProductScreen products, Tensor x, Tensor w, Tensor? bias, Tensor result, bool plain) =>
        products.Pack(w, bias) ? products.Product(x, result, plain) : null;
}
