using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Architectures on numbers worked out by hand.</summary>
public sealed class ArchitectureTests
{
    [Fact]
    public void Standard_keeps_what_is_positive()
    {
        using var scope = NewDisposeScope();
        using var coder = new StandardCoder(Toy.Card("standard"), Toy.Weights());
        Expect(coder, [[.8f, 2.2f, 3.28f, 2.35f], [0, .6f, 1.12f, .17f]], sse: 8.883532, [[2.31f, 5.848f, 2.924f], [.202f, 1.208f, 1.196f]]);
    }

    [Fact]
    public void Without_pre_bias_the_raw_input_is_encoded()
    {
        using var scope = NewDisposeScope();
        using var coder = new StandardCoder(Toy.Card("standard"), Toy.Weights(subtractsBias: false));
        Expect(coder, [[.9f, 2, 3.4f, 2.25f], [0, .4f, 1.24f, .07f]], sse: 7.943964);
    }

    [Fact]
    public void Top_k_keeps_two_of_each_row()
    {
        using var scope = NewDisposeScope();
        using var coder = new TopKCoder(Toy.Card("topk"), Toy.Weights(), k: 2);
        Expect(coder, [[0, 0, 3.28f, 2.35f], [0, .6f, 1.12f, 0]], sse: 1.94289, [[1.51f, 3.648f, 2.924f], [.1f, 1.072f, 1.196f]]);
    }

    [Theory]
    [InlineData(1, new[] { 0, 0, 3.28f, 2.35f, 0, 0, 0, 0 }, 2.57089)]
    [InlineData(2, new[] { 0, 2.2f, 3.28f, 2.35f, 0, 0, 1.12f, 0 }, 7.76529)]
    public void Batch_top_k_shares_its_budget_among_rows(int k, float[] codes, double sse)
    {
        using var scope = NewDisposeScope();
        using var coder = new BatchTopKCoder(Toy.Card("batchtopk"), Toy.Weights(), k, threshold: null);
        Expect(coder, [codes[..4], codes[4..]], sse);
    }

    [Fact]
    public void A_threshold_keeps_what_lies_strictly_above_it()
    {
        using var scope = NewDisposeScope();
        using var coder = new BatchTopKCoder(Toy.Card("batchtopk"), Toy.Weights(), k: 1, threshold: 2.2f);
        Assert.Equal(Selection.Threshold, coder.Selection);
        using var codes = coder.Encode(Toy.X);
        Close.Check("codes", codes.ToDense(), Toy.Matrix([[0, 0, 3.28f, 2.35f], [0, 0, 0, 0]]));
    }

    [Fact]
    public void An_untrained_threshold_keeps_every_positive_entry()
    {
        using var scope = NewDisposeScope();
        using var coder = new BatchTopKCoder(Toy.Card("batchtopk"), Toy.Weights(), k: 1, threshold: -1);
        Expect(coder, [[.8f, 2.2f, 3.28f, 2.35f], [0, .6f, 1.12f, .17f]], sse: 8.883532);
    }

    [Theory]
    [InlineData(new[] { .5f, .5f, 2, 1 }, new[] { .8f, 2.2f, 3.28f, 2.35f, 0, .6f, 0, 0 }, 9.16449)]
    [InlineData(new[] { .7f, .5f, 3.43f, 1 }, new[] { .8f, 2.2f, 0, 2.35f, 0, .6f, 0, 0 }, 7.17025)]
    public void Jump_relu_has_a_threshold_per_feature(float[] thresholds, float[] codes, double sse)
    {
        using var scope = NewDisposeScope();
        using var coder = new JumpReluCoder(Toy.Card("jumprelu"), Toy.Weights(), tensor(thresholds));
        Expect(coder, [codes[..4], codes[4..]], sse);
    }

    [Fact]
    public void Gated_tells_firing_and_magnitude_apart()
    {
        using var scope = NewDisposeScope();
        using var coder = Gated();
        Expect(coder, [[1.044654f, 1.801208f, 3.38f, 3.104675f], [0, .491238f, 1.22f, .161983f]], sse: 11.024621);
    }

    [Fact]
    public void Gated_is_jump_relu_with_other_biases()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        using var gated = Gated();
        var (scale, magnitude, gate) = (tensor(new[] { .1f, -.2f, 0, .3f }).exp(), tensor(new[] { .05f, 0, -.1f, 0 }), tensor(new[] { -.2f, -.5f, -1, .1f }));
        using var jump = new JumpReluCoder(
            Toy.Card("jumprelu"),
            new CoderWeights
            {
                Encoder = Toy.Rows * scale.unsqueeze(1),
                EncoderBias = magnitude,
                Decoder = Toy.Rows,
                OutputBias = tensor(new[] { .1f, -.2f, .3f }),
                InputBias = tensor(new[] { .1f, -.2f, .3f }),
            },
            (magnitude - scale * gate).clamp_min(0));
        var x = randn(5000, 3, generator: generator) * 2;
        using var one = gated.Encode(x);
        using var other = jump.Encode(x);
        Assert.True(one.ToDense().ne(0).ne(other.ToDense().ne(0)).sum().item<long>() <= 1, "more than a rounding at the edge differs");
        Close.Check("codes", one.ToDense(), other.ToDense(), atol: 1e-4);
    }

    [Fact]
    public void Sparse_and_dense_codes_agree_on_every_operation()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2);
        var values = randn(7, 12, generator: generator).relu();
        values[3] = zeros(12);
        using var dense = new DenseCodes(values.clone());
        using var sparse = SparseCodes.FromDense(values);
        var matrix = randn(12, 5, generator: generator);
        Close.Check("dense", sparse.ToDense(), dense.ToDense(), 0, 0);
        Close.Check("times", sparse.Times(matrix), dense.Times(matrix));
        Close.Check("column", sparse.Column(4), dense.Column(4), 0, 0);
        Close.Check("sums", sparse.SumPerFeature(), dense.SumPerFeature());
        Assert.True(sparse.ActivePerRow().Equals(dense.ActivePerRow()));
        Assert.True(sparse.ActivePerFeature().Equals(dense.ActivePerFeature()));
        Assert.Equal(sparse.Values.shape[0], sparse.RowStarts[7].item<long>());
        Assert.Equal(sparse.RowStarts[3].item<long>(), sparse.RowStarts[4].item<long>());
    }

    [Fact]
    public void Layer_norm_uses_the_sample_standard_deviation()
    {
        using var scope = NewDisposeScope();
        var identity = eye(3);
        using var coder = new StandardCoder(
            Toy.Card("standard", features: 3),
            new CoderWeights { Encoder = identity.clone(), EncoderBias = ones(3) * 5, Decoder = identity, OutputBias = ones(3) * -5, Norm = InputNorm.LayerNorm });
        using var codes = coder.Encode(Toy.X);
        Close.Check("normed", codes.ToDense() - 5, Toy.Matrix([[-.99999f, 0, .99999f], [-.96505f, -.066555f, 1.031605f]]), atol: 2e-5);
        Close.Check("x", coder.Decode(codes, Toy.X), Toy.X, atol: 1e-4);
    }

    [Fact]
    public void A_width_that_does_not_fit_is_refused()
    {
        using var scope = NewDisposeScope();
        using var coder = new StandardCoder(Toy.Card("standard"), Toy.Weights());
        var error = Assert.Throws<ShapeException>(() => coder.Encode(zeros(2, 5)));
        Assert.Contains("d_in", error.Message, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => new TopKCoder(Toy.Card("topk"), Toy.Weights(), 5));
    }

    private static GatedCoder Gated() => new(
        Toy.Card("gated"), Toy.Weights(), tensor(new[] { -.2f, -.5f, -1, .1f }), tensor(new[] { .1f, -.2f, 0, .3f }), tensor(new[] { .05f, 0, -.1f, 0 }));

    private static void Expect(ISparseCoder coder, float[][] codes, double sse, float[][]? prediction = null)
    {
        using var got = coder.Encode(Toy.X);
        Close.Check("codes", got.ToDense(), Toy.Matrix(codes));
        var xHat = coder.Decode(got, Toy.X);
        if (prediction is not null) Close.Check("x_hat", xHat, Toy.Matrix(prediction));
        Assert.Equal(sse, (Toy.X - xHat).square().sum().item<float>() / 2, 1e-4);
    }
}
