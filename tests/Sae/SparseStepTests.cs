using Prisma.Engine;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>A hundred sparse steps end where a hundred dense steps by autograd and torch's Adam end, in single and in double precision.</summary>
public sealed class SparseStepTests
{
    private const int Steps = 100;

    public static TheoryData<ScalarType, bool> Cases => new() { { ScalarType.Float32, false }, { ScalarType.Float32, true }, { ScalarType.Float64, false }, { ScalarType.Float64, true } };

    [Theory, MemberData(nameof(Cases))]
    public void TopK_follows_the_dense_formula(ScalarType type, bool withAll) => Follow(19, 70, 19, type, withAll,
        run => (step, p) => Selective(step, p, run, Select.TopK(5), SparseLoss.Mse(48, 19)),
        run => p => (Decoded(Largest(Pre(p, run), 5).relu(), p) - run.Target).square().mean());

    [Theory, MemberData(nameof(Cases))]
    public void BatchTopK_follows_the_dense_formula(ScalarType type, bool withAll) => Follow(20, 64, 12, type, withAll,
        run => (step, p) => Selective(step, p, run, Select.BatchTopK(4.5), SparseLoss.Sse(48)),
        run => p => (Decoded(LargestOfBatch(Pre(p, run), 4.5), p) - run.Target).square().sum(1).mean());

    [Theory, MemberData(nameof(Cases))]
    public void Nested_prefixes_follow_the_dense_formula(ScalarType type, bool withAll) => Follow(20, 64, 20, type, withAll,
        run => (step, p) => Selective(step, p, run, Select.BatchTopK(6), new SparseLoss([2.0 / 48, 1.0 / 48, 4.0 / 48], [8, 30, 64])),
        run => p =>
        {
            var codes = LargestOfBatch(Pre(p, run), 6);
            return new[] { (8, 1.0), (30, 0.5), (64, 2.0) }.Select(prefix =>
                (codes.narrow(1, 0, prefix.Item1).matmul(p[2].narrow(0, 0, prefix.Item1)) + p[3] - run.Target).square().sum(1).mean() * prefix.Item2)
                .Aggregate((a, b) => a + b);
        });

    [Theory, MemberData(nameof(Cases))]
    public void Thresholds_follow_the_dense_formula(ScalarType type, bool withAll)
    {
        const double Width = 0.2, Charge = 0.01;
        Follow(20, 64, 20, type, withAll,
            run => (step, p) =>
            {
                var jump = SparseJump.Run(step, run.Input, p[0], p[1], p[4], Width);
                var loss = SparseLoss.Sse(48);
                var error = jump.Forward.Error(p[2], p[3], run.Target, loss);
                var felt = jump.PreActivationGradients(error.Codes);
                return (loss.Value(error) + Charge * jump.Open.sum().to(float64).item<double>() / 48,
                    jump.Forward.EncoderGradients(felt), jump.Forward.EncoderBiasGradients(felt), jump.Forward.DecoderGradients(error.Gradients),
                    error.Gradients[0].sum([0L]), jump.ThresholdGradients(error.Codes, Charge / 48));
            },
            run => p =>
            {
                var z = run.Input.matmul(p[0].t()) + p[1];
                var (open, zero) = (z.detach().gt(p[4].detach()).to(type), p[4] - p[4].detach());
                var place = (z.detach() - p[4].detach()) / Width;
                var felt = place.gt(-0.5).logical_and(place.lt(0.5)).to(type);
                var codes = z * open + zero * felt * (p[4].detach() * (-1 / Width));
                var count = open + zero * felt * (-1 / Width);
                return (codes.matmul(p[2]) + p[3] - run.Target).square().sum(1).mean() + count.sum(1).mean() * Charge;
            }, threshold: true);
    }

    [Theory]
    [InlineData(3, 5)]
    [InlineData(5, 5)]
    [InlineData(2, 30)]
    public void Dead_features_learn_what_the_others_leave_over(int k, int number)
    {
        using var run = new SparseRun(12, 40, 12, ScalarType.Float64);
        using var scope = NewDisposeScope();
        long[] places = [.. Enumerable.Range(0, 40).Where(f => f * 7 % 40 < number).Select(f => (long)f)];
        using var step = new SparseStep();
        var p = run.Sparse;
        var forward = step.Forward(run.Input - p[4], p[0], p[1], Select.TopK(4));
        var error = forward.Error(p[2], p[3], run.Target, SparseLoss.Sse(48));
        var left = error.Gradients[0] * (-48 / 2.0);
        var aux = SparseDead.Of(forward, p[2], tensor(places), k, left, 2 * 0.5 / 48);

        var q = run.Dense;
        var pre = Pre(q, run);
        var residual = run.Target - Decoded(Largest(pre, 4).relu(), q);
        var mask = zeros(40, ScalarType.Bool);
        foreach (var feature in places) mask[feature].fill_(true);
        var guess = Largest(pre.masked_fill(mask.logical_not(), double.NegativeInfinity), k).relu().matmul(q[2]);
        var squares = (guess - residual.detach()).square().sum();
        var wanted = autograd.grad([residual.square().sum(1).mean() + squares * 0.5 / 48], [q[0], q[1], q[2]]);
        Assert.Equal(squares.item<double>(), aux.Squares, 1e-9);
        Close.Check("encoder", forward.EncoderGradients(error.Codes).Plus(aux.Encoder).ToDense(40), wanted[0], 1e-10, 1e-10);
        Close.Check("encoder bias", forward.EncoderBiasGradients(error.Codes) + aux.EncoderBias, wanted[1], 1e-10, 1e-10);
        Close.Check("decoder", forward.DecoderGradients(error.Gradients).Plus(aux.Decoder).ToDense(40), wanted[2], 1e-10, 1e-10);
    }

    [Fact]
    public void Approximate_products_change_nothing_but_the_last_bits()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(3);
        var (x, encoder, decoder) = (randn(4096, 40, generator: generator), randn(4096, 40, generator: generator), randn(4096, 40, generator: generator));
        var bias = randn(4096, generator: generator);
        using var exact = new SparseStep(screens: false);
        using var screened = new SparseStep(screens: true);
        var features = tensor(new long[] { 0, 17, 4095 });
        foreach (var selection in new[] { Select.TopK(8), Select.BatchTopK(7.5), Select.Above(bias.abs() + 18) })
        {
            var (a, b) = (exact.Forward(x, encoder, bias, selection), screened.Forward(x, encoder, bias, selection));
            Assert.True(a.Codes.Indices.Equals(b.Codes.Indices));
            Close.Check("values", b.Codes.Values, a.Codes.Values);
            Close.Check("some products", b.ProductsOf(features), a.ProductsOf(features), atol: 1e-4);
            var (one, two) = (a.Error(decoder, null, x, SparseLoss.Sse(4096)), b.Error(decoder, null, x, SparseLoss.Sse(4096)));
            Close.Check("encoder", b.EncoderGradients(two.Codes).ToDense(4096), a.EncoderGradients(one.Codes).ToDense(4096), atol: 1e-4, rtol: 1e-4);
        }
    }

    [Fact]
    public void A_smaller_last_batch_and_a_batch_without_entries_work()
    {
        using var run = new SparseRun(10, 30, 10, ScalarType.Float32);
        using var scope = NewDisposeScope();
        using var step = new SparseStep();
        var p = run.Sparse;
        foreach (var rows in new[] { 48, 7, 48 })
        {
            var x = run.Input.narrow(0, 0, rows);
            var forward = step.Forward(x, p[0], p[1], Select.TopK(3));
            var pre = x.matmul(p[0].t()) + p[1];
            Close.Check("decoded", forward.Reconstruct(p[2], p[3]), Largest(pre, 3).relu().matmul(p[2]) + p[3]);
        }
        var none = step.Forward(run.Input, p[0], p[1], Select.Above(full(30, 1e9)));
        var error = none.Error(p[2], p[3], run.Target, SparseLoss.Sse(48));
        Assert.Equal(0, none.Codes.Count);
        Assert.Equal(0, none.DecoderGradients(error.Gradients).Squares(p[2]));
        Assert.Equal((run.Target - p[3]).square().sum().item<float>(), error.Squares[0], 1e-2);
    }

    private static void Follow(
        int width, int features, int outputs, ScalarType type, bool withAll,
        Func<SparseRun, Func<SparseStep, Tensor[], (double, RowGradients, Tensor, RowGradients, Tensor, Tensor?)>> sparse,
        Func<SparseRun, Func<IReadOnlyList<Tensor>, Tensor>> dense, bool threshold = false)
    {
        using var run = new SparseRun(width, features, outputs, type, threshold);
        for (var k = 1; k <= Steps; k++)
        {
            var (a, b) = withAll
                ? run.Step(sparse(run), dense(run), k, project: 1e-6, clip: 0.5, unit: SparseRun.Tiny)
                : run.Step(sparse(run), dense(run), k);
            Assert.Equal(b, a, b * 1e-4);
            if (k == 1) run.Check(type == ScalarType.Float64 ? 1e-10 : 2e-5);
        }
        // Where rounding turns the choice between two features, single precision drifts; double precision shows the formula.
        run.Check(type == ScalarType.Float64 ? 1e-9 : 2e-3);
    }

    private static (double, RowGradients, Tensor, RowGradients, Tensor, Tensor?) Selective(
        SparseStep step, Tensor[] p, SparseRun run, SparseSelection selection, SparseLoss loss)
    {
        var forward = step.Forward(run.Input - p[4], p[0], p[1], selection);
        var error = forward.Error(p[2], p[3], run.Target, loss);
        var encoderBias = forward.EncoderBiasGradients(error.Codes);
        return (loss.Value(error), forward.EncoderGradients(error.Codes), encoderBias, forward.DecoderGradients(error.Gradients, loss),
            error.Gradients[0].sum([0L]), forward.InputBiasGradients(encoderBias));
    }

    private static Tensor Pre(IReadOnlyList<Tensor> p, SparseRun run) => (run.Input - p[4]).matmul(p[0].t()) + p[1];

    private static Tensor Decoded(Tensor codes, IReadOnlyList<Tensor> p) => codes.matmul(p[2]) + p[3];

    private static Tensor Largest(Tensor pre, int k)
    {
        var (values, places) = pre.topk(k, 1);
        return zeros(pre.shape, pre.dtype).scatter(1, places, values);
    }

    private static Tensor LargestOfBatch(Tensor pre, double k)
    {
        var flat = pre.relu().flatten();
        var (values, places) = flat.topk((int)(k * pre.shape[0]), 0);
        return zeros(flat.shape, pre.dtype).scatter(0, places, values).view(pre.shape);
    }
}
