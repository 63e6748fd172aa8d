using System.Text.Json;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Every committed coder folder against what the reference library computed with it.</summary>
public sealed class EncodeParityTests
{
    // Training checkpoints of batch-wise coders: the reference encoded them with its training class.
    private static readonly string[] s_selectOverBatch = ["saelens6_batchtopk_training_checkpoint", "saelens6_matryoshka_batchtopk_training_checkpoint"];

    public static TheoryData<string> Cases =>
        [.. Directory.GetDirectories(Fixture.Path("saes")).Select(folder => Path.GetFileName(folder)).Where(name => name.StartsWith("prisma_", StringComparison.Ordinal) || name.StartsWith("saelens", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];

    [Fact]
    public void The_cases_are_there() => Assert.True(Cases.Count >= 47, $"{Cases.Count} cases");

    [Theory, MemberData(nameof(Cases))]
    public void Features_and_predictions_are_those_of_the_reference(string name)
    {
        var folder = Fixture.Path($"saes/{name}");
        using var scope = NewDisposeScope();
        using var expected = TensorSource.Open(Path.Combine(folder, "expected.safetensors"));
        var select = s_selectOverBatch.Contains(name) ? Selection.Batch : (Selection?)null;
        using var coder = CoderFile.Open(Path.Combine(folder, "files"), new CoderOptions { Select = select });
        using var encoded = SaeEncode.Run(coder, expected.Get("x").ToTensor());

        var features = expected.Get("features").ToTensor();
        Check("features", encoded.Features, features);
        Assert.True(encoded.Features.ne(0).Equals(features.ne(0)), "other features are active");
        var complete = expected.Contains("forward") ? "forward" : "x_hat";
        Check(complete, encoded.Prediction, expected.Get(complete).ToTensor());
        if (complete == "forward") Check("x_hat", encoded.Decoded ?? encoded.Prediction, expected.Get("x_hat").ToTensor());
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "case.json")));
        Assert.Equal("rtol 1e-5, atol 1e-5*max|ref|", config.RootElement.GetProperty("tolerance").GetString());
    }

    private static void Check(string what, Tensor got, Tensor want)
    {
        Assert.Equal(want.shape, got.shape);
        Close.Check(what, got, want, atol: 1e-5 * want.abs().max().item<float>());
    }
}
