using Prisma.Engine;
using static TorchSharp.torch;

namespace Prisma.Tests.Engine;

/// <summary>Attention of one new token over keys and values in memory, beside the formula in double precision. Sets the threads of the whole process, so nothing may run beside it.</summary>
[Collection(nameof(Alone))]
public sealed class TokenAttentionTests
{
    [Theory]
    [InlineData(0, null, null)]
    [InlineData(299, null, null)]
    [InlineData(150, 5.0, null)]
    [InlineData(200, null, 64)]
    [InlineData(40, 3.0, 64)]
    public void It_is_the_formula(int before, double? cap, int? window)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(9);
        foreach (var type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
        {
            Tensor Made(params long[] shape) => randn(shape, generator: generator).to(type);
            var (keys, values) = (Made(2, 3, 300, 20), Made(2, 3, 300, 20));
            var (q, k, v) = (Made(2, 1, 6, 20), Made(2, 1, 3, 20), Made(2, 1, 3, 20));
            var (allKeys, allValues) = (With(keys, k, before), With(values, v, before));
            var z = TokenAttention.Attend(q * 4, k, v, keys, values, before, 0.3, cap, window);
            Assert.Equal(type, z.dtype);
            var scores = (q * 4).to(ScalarType.Float64).transpose(1, 2).matmul(allKeys.transpose(2, 3)) * 0.3;
            if (cap is { } c) scores = (scores / c).tanh() * c;
            if (window is { } last && before + 1 > last) scores.narrow(3, 0, before + 1 - last).fill_(double.NegativeInfinity);
            Close.Check($"{type}", z.to(ScalarType.Float64), scores.softmax(-1).matmul(allValues).transpose(1, 2), atol: type == ScalarType.Float32 ? 1e-5 : 2e-2, rtol: type == ScalarType.Float32 ? 1e-5 : 1e-2);
            Assert.True(keys.select(2, before).Equals(k.select(1, 0)) && values.select(2, before).Equals(v.select(1, 0)));
        }
    }

    [Fact]
    public void It_does_not_depend_on_threads_and_refuses_what_does_not_fit()
    {
        using var scope = NewDisposeScope();
        var (keys, values) = (randn(1, 8, 600, 64), randn(1, 8, 600, 64));
        var (q, k, v) = (randn(1, 1, 8, 64), randn(1, 1, 8, 64), randn(1, 1, 8, 64));
        var before = get_num_threads();
        try
        {
            set_num_threads(1);
            var alone = TokenAttention.Attend(q, k, v, keys, values, 500, 0.125, null, null);
            set_num_threads(2);
            Assert.True(alone.Equals(TokenAttention.Attend(q, k, v, keys, values, 500, 0.125, null, null)));
        }
        finally
        {
            set_num_threads(before);
        }
        Assert.Throws<ArgumentException>(() => TokenAttention.Attend(q, k, v, keys, values, 600, 0.125, null, null));
    }

    // Key heads stand for the query heads of their group: [2, 6, before + 1, 20].
    private static Tensor With(Tensor held, Tensor added, int before) =>
        cat([held.narrow(2, 0, before), added.transpose(1, 2)], 2).to(ScalarType.Float64).repeat_interleave(2, dim: 1);
}
