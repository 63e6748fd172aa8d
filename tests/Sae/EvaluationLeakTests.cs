using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Counts live native tensors of the whole process, so nothing may run beside it.</summary>
[Collection(nameof(Prisma.Tests.Engine.Alone))]
public sealed class EvaluationLeakTests
{
    [Fact]
    public void Evaluating_over_many_batches_leaves_no_tensor_behind() => Leaks.None(() => Work(1), () => Work(10));

    private static void Work(int batches)
    {
        using var model = Models.Catalog.Families.Single(family => family.Name == "vit").Tiny();
        using var inputs = new TinyInput(model);
        using var coder = Made();
        var result = CoderEvaluation.Run(model, coder, batches, _ => Batch(inputs.Input["pixel_values"]));
        Assert.Equal(3, result.Losses.Count);
        Assert.NotEmpty(result.Monosemanticity);
        var catalogue = new FeatureCatalogue(12);
        for (var k = 0; k < batches; k++)
        {
            using var reading = FeatureReading.Read(model, inputs.Input, coder);
            catalogue.Add(reading, new string[reading.Pictures]);
        }
        using var x = randn(50, 16);
        using var codes = rand(50, 12);
        bool[] labels = [.. Enumerable.Range(0, 50).Select(k => k % 2 == 0)];
        for (var k = 0; k < batches; k++)
        {
            var probe = LinearProbe.Fit(x, labels);
            Assert.Equal(3, SparseProbing.Score(codes, labels, codes, labels, 3).Columns.Count);
            Assert.Equal(50, Absorption.Measure(x, codes, coder.Directions, probe with { Bias = 1e3 }, SplitFeatures.Find(codes, labels)).Examples);
            using var data = new PooledData(x.clone(), codes.clone());
            Assert.Single(TargetedPerturbation.Score(data, [.. labels.Select(label => label ? 1 : 0)], data, [.. labels.Select(label => label ? 1 : 0)], coder.Directions, [2]));
            Assert.Single(SpuriousRemoval.Score(data, labels, data, labels, labels, data, labels, coder.Directions, [2]).Scores);
            Assert.InRange(DirectionMatch.BetweenCoders(coder, coder), .999, 1.001);
        }
    }

    private static EvaluationBatch Batch(Tensor pixels)
    {
        using var scope = NewDisposeScope();
        var labels = ones(pixels.shape[0], int64);
        return new EvaluationBatch
        {
            Input = pixels,
            Losses = new Dictionary<string, ExampleLoss> { ["ce"] = SplicedLosses.Classification(labels) },
            Embed = recording => recording.Outputs["logits"].alias(),
        }.Owning(labels);
    }

    private static StandardCoder Made()
    {
        using var scope = NewDisposeScope();
        return Toy.Random(16, 12, Toy.Card("standard") with { Reads = [Site.ResidPost[0]], Writes = [Site.ResidPost[0]] });
    }
}
