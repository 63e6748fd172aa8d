using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Tests.Engine;

/// <summary>Native products, gradients and updates beside the same in double precision, composed of tensor operators; those beside dense formulas.</summary>
public sealed class SparseProductTests
{
    public static TheoryData<int, int, int, int> Sizes => new() { { 6, 9, 3, 2 }, { 1, 1, 1, 1 }, { 40, 70, 17, 5 }, { 33, 200, 100, 200 }, { 64, 512, 128, 8 } };

    [Theory, MemberData(nameof(Sizes))]
    public void Products_equal_those_of_the_dense_matrix(int rows, int features, int width, int k)
    {
        using var scope = NewDisposeScope();
        var (codes, dense, matrix, bias, target) = Made(rows, features, width, k);
        Close.Check("decoded", SparseKernels.Decode(codes, matrix, bias), dense.matmul(matrix.to(float64)) + bias);
        Close.Check("composed", SparseComposite.Decode(codes, matrix, bias), dense.matmul(matrix.to(float64)) + bias);
        var all = target.to(float64).matmul(matrix.to(float64).t());
        foreach (var dots in new[] { SparseKernels.Dots(codes, target, matrix), SparseComposite.Dots(codes, target, matrix, [features]) })
            Close.Check("dots", dots, all.flatten().index_select(0, codes.RowOfEntry() * features + codes.Indices), atol: 1e-4);
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Errors_of_nested_prefixes_equal_the_formula(int rows, int features, int width, int k)
    {
        using var scope = NewDisposeScope();
        var (codes, dense, matrix, bias, target) = Made(rows, features, width, k);
        var weights = rand(rows) + 0.5;
        long[] ends = features < 3 ? [features] : [1, features / 2, features];
        double[] factors = [.. ends.Select((_, g) => 0.5 + g)];
        var leaf = nn.Parameter(dense.clone());
        Tensor? loss = null;
        List<double> squares = [];
        for (var g = 0; g < ends.Length; g++)
        {
            var error = leaf.narrow(1, 0, ends[g]).matmul(matrix.narrow(0, 0, ends[g]).to(float64)) + bias - target;
            var square = (error.square().sum(1) * weights).sum();
            squares.Add(square.item<double>());
            loss = loss is null ? square * (factors[g] / 2) : loss + square * (factors[g] / 2);
        }
        var felt = autograd.grad([loss!], [leaf])[0].flatten().index_select(0, codes.RowOfEntry() * features + codes.Indices);
        foreach (var found in new[] { SparseKernels.Error(codes, matrix, bias, target, weights, ends, factors), SparseComposite.Error(codes, matrix, bias, target, weights, ends, factors) })
        {
            Close.Check("code gradients", found.Codes, felt, atol: 1e-4, rtol: 1e-4);
            for (var g = 0; g < ends.Length; g++) Assert.Equal(squares[g], found.Squares[g], squares[g] * 1e-5 + 1e-6);
            // The parts of a feature's gradient: Σ over rows of code · what its group feels.
            var order = SparseKernels.ByFeature(codes, features);
            RowPart[] parts = [new(found.Gradients, order, codes.Values, ends)];
            Close.Check("decoder gradient", SparseKernels.RowsDense(parts, features), SparseComposite.RowsDense(parts, features), atol: 1e-4, rtol: 1e-4);
            Close.Check("by rows", SparseKernels.RowsDense(parts, features), ByRows(codes, found.Gradients, ends, features), atol: 1e-4, rtol: 1e-4);
        }
    }

    [Theory, MemberData(nameof(Sizes))]
    public void Updates_equal_the_rules_in_double_precision(int rows, int features, int width, int k)
    {
        using var scope = NewDisposeScope();
        var (codes, _, matrix, _, target) = Made(rows, features, width, k);
        var order = SparseKernels.ByFeature(codes, features);
        var extra = randn(features, width) * 0.1;
        RowPart[] parts = [new(target, order, codes.Values), new(extra)];
        RowPart[] precise = [new(target.to(float64), order, codes.Values.to(float64)), new(extra.to(float64))];
        var step = new RowRule { Rate = 0.01, Step = 3 };
        foreach (var rule in new[]
        {
            step, step with { Project = 1e-6, Unit = 1e-8, Clip = 0.3 }, step with { Kind = RowRuleKind.DecoupledAdam, Decay = 0.1, Beta1 = 0 },
            step with { Decay = 0.1, Epsilon = 6.25e-10, Beta2 = 0.99 }, step with { Kind = RowRuleKind.Sign, Unit = 0 },
        })
        {
            var (w, m, v) = (matrix.clone(), randn(features, width) * 0.1, rand(features, width) * 0.01);
            var (w2, m2, v2) = (w.to(float64), m.to(float64), v.to(float64));
            var squares = SparseKernels.RowsSquares(parts, w, rule.Project);
            Assert.Equal(SparseKernels.RowsSquares(precise, w2, rule.Project), squares, squares * 1e-5 + 1e-9);
            SparseKernels.RowsUpdate(parts, w, m, rule.Kind == RowRuleKind.Sign ? null : v, rule);
            SparseKernels.RowsUpdate(precise, w2, m2, rule.Kind == RowRuleKind.Sign ? null : v2, rule);
            Close.Check($"{rule.Kind} mean", m, m2, rtol: 1e-4);
            Close.Check($"{rule.Kind} square", v, v2, rtol: 1e-4);
            Close.Check($"{rule.Kind} weights", w, w2, rtol: 1e-4);
        }
    }

    [Fact]
    public void No_rows_give_no_numbers_and_still_move_the_parameters_memory()
    {
        using var scope = NewDisposeScope();
        var (codes, _, matrix, bias, target) = Made(0, 5, 4, 2);
        Assert.Equal([0, 4], SparseKernels.Decode(codes, matrix, bias).shape);
        Assert.Equal([0], SparseKernels.Dots(codes, target, matrix).shape);
        var error = SparseKernels.Error(codes, matrix, bias, target, null, [5], [1]);
        Assert.Equal(0, error.Squares[0]);
        var (mean, square) = (ones(5, 4), ones(5, 4));
        SparseKernels.RowsUpdate(
            [new(error.Gradients, SparseKernels.ByFeature(codes, 5), codes.Values, [5])], matrix, mean, square, new RowRule { Rate = 0.1, Step = 1 });
        Close.Check("mean", mean, ones(5, 4) * 0.9);
    }

    [Fact]
    public void Recorded_tensors_get_their_gradients()
    {
        using var scope = NewDisposeScope();
        var x = nn.Parameter(randn(4, 10));
        var matrix = nn.Parameter(randn(10, 3));
        var codes = SparseKernels.TopK(x, null, 2, positiveOnly: true);
        var found = autograd.grad([SparseKernels.Decode(codes, matrix).square().sum()], [x, matrix]);
        Assert.Equal(codes.Count, found[0].ne(0).sum().item<long>());
        Assert.Equal(codes.Indices.data<long>().ToArray().Distinct().Count(), found[1].norm(1).gt(0).sum().item<long>());
    }

    private static Tensor ByRows(SparseRows codes, Tensor gradients, long[] ends, int features)
    {
        var sum = zeros(features, gradients.shape[^1], float64);
        var starts = codes.Starts.data<long>().ToArray();
        for (var r = 0; r < codes.Rows; r++)
            for (var e = starts[r]; e < starts[r + 1]; e++)
            {
                var feature = codes.Indices[e].item<long>();
                var group = Array.FindIndex(ends, end => feature < end);
                sum[feature].add_(gradients[group, r].to(float64) * codes.Values[e].item<float>());
            }
        return sum;
    }

    private static (SparseRows Codes, Tensor Dense, Tensor Matrix, Tensor Bias, Tensor Target) Made(int rows, int features, int width, int k)
    {
        using var generator = new Generator((ulong)(rows * 31 + features));
        var x = randn(rows, features, generator: generator);
        // A threshold leaves rows without entries.
        var codes = SparseKernels.TopK(x - 0.5, null, Math.Min(k, features), positiveOnly: true);
        var dense = zeros(rows * features, float64).index_add(0, codes.RowOfEntry() * features + codes.Indices, codes.Values.to(float64), 1).view(rows, features);
        return (codes, dense, randn(features, width, generator: generator), randn(width, generator: generator), randn(rows, width, generator: generator));
    }
}
