using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

public sealed class PoolingTests
{
    [Fact]
    public void Codes_are_pooled_as_they_say()
    {
        using var scope = NewDisposeScope();
        // Two examples of two tokens; token 0 of the first has seven active features, of which five count.
        using var codes = new DenseCodes(tensor([1f, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], [4, 7]));
        void Check(Pooling pooling, params float[] expected) => Close.Check($"{pooling}", FeaturePooling.Of(codes, 2, pooling), tensor(expected, [2, 7]), 0, 0);
        Check(Pooling.Mean, 0.5f, 1, 1.5f, 2, 2.5f, 3, 8, 0.5f, 0, 0, 0, 0, 0, 0);
        Check(Pooling.Max, 1, 2, 3, 4, 5, 6, 9, 1, 0, 0, 0, 0, 0, 0);
        Check(Pooling.First, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 0);
        Check(Pooling.Last, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0);
        Check(Pooling.TopCounts, 0, 0, 1, 1, 1, 1, 2, 1, 0, 0, 0, 0, 0, 0);
        using var dense = new DenseCodes(rand(12, 9) + 0.1);
        Tests.Circuits.Tiny.Near([20, 20, 20], FeaturePooling.Of(dense, 4, Pooling.TopCounts).sum(1L));
        var binary = FeaturePooling.Binarised(FeaturePooling.Of(codes, 2, Pooling.Mean), 1);
        Close.Check("binarised", binary, tensor([0f, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], [2, 7]), 0, 0);
        Close.Check("twice", FeaturePooling.Binarised(binary), binary, 0, 0);
        Assert.Throws<ShapeException>(() => FeaturePooling.Of(codes, 3, Pooling.Mean));
    }

    [Fact]
    public void Classes_are_told_apart_by_what_is_there_and_not_by_noise()
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(2);
        int[] classes = [.. Enumerable.Range(0, 90).Select(k => k % 3)];
        var noise = randn(90, 8, generator: generator) * 0.3;
        var told = noise.clone();
        for (var k = 0; k < 90; k++) told[k, classes[k]].add_(2);
        ClassProbe Fit(Tensor x) => ClassProbe.Fit(x.narrow(0, 0, 60), classes[..60]);
        double F1(Tensor x) => Fit(x).MacroF1(x.narrow(0, 60, 30), classes[60..]);
        Assert.True(F1(told) > 0.95 && F1(noise) < 0.6, $"{F1(told)}, {F1(noise)}");
        Assert.Equal(3, Fit(told).Probes.Count);
        Assert.Contains(Fit(told).C, new[] { 0.1, 1, 10 });
        // Said 0 0 1 of true 0 1 1: F1 of either class is 2/3.
        var probe = new ClassProbe([new LinearProbe([1], 0), new LinearProbe([-1], 0)], 1);
        Assert.Equal(2 / 3.0, probe.MacroF1(tensor([1f, 1, -1], [3, 1]), [0, 1, 1]), 1e-9);
        Assert.Throws<OptionsException>(() => ClassProbe.Fit(told, [.. classes.Select(k => k * 2)]));
        Assert.Throws<ShapeException>(() => ClassProbe.Fit(told, classes[..5]));
    }
}
