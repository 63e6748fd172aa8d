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

    // Files that hold no coder: containers and the statistics of one.
    private static readonly string[] s_noCoder = ["container_npz", "container_pt", "container_safetensors", "sdxl_unbox_real_stats"];

    public static TheoryData<string> Cases => [.. Folders().Where(Expects("features"))];

    public static TheoryData<string> RawCases => [.. Folders().Where(Expects("features_raw"))];

    public static TheoryData<string> BatchCases => [.. Folders().Where(Expects("features_batchtopk"))];

    [Fact]
    public void The_cases_are_there()
    {
        Assert.Equal(104, Cases.Count);
        Assert.Equal(s_noCoder, Folders().Where(name => !Expects("features")(name)));
    }

    [Theory, MemberData(nameof(Cases))]
    public void Features_and_predictions_are_those_of_the_reference(string name)
    {
        using var scope = NewDisposeScope();
        using var expected = Expected(name);
        // Where the reference libraries disagree, the publisher of the weights is the default.
        var own = expected.Contains("features_openmoss") ? "_openmoss" : "";
        var select = s_selectOverBatch.Contains(name) ? Selection.Batch : (Selection?)null;
        using var encoded = Encode(name, new CoderOptions { Select = select });

        CheckCodes("features" + own, encoded.Features, expected.Get("features" + own).ToTensor());
        var complete = new[] { "forward", "sae_out" }.FirstOrDefault(expected.Contains) ?? "x_hat" + own;
        Check(complete, encoded.Prediction, expected.Get(complete).ToTensor());
        if (complete is "forward" or "sae_out") Check("x_hat", encoded.Decoded ?? encoded.Prediction, expected.Get("x_hat").ToTensor());
        if (expected.Contains("x_hat_without_skip")) Check("x_hat_without_skip", encoded.Decoded ?? encoded.Prediction, expected.Get("x_hat_without_skip").ToTensor());
        Assert.Equal(expected.Contains("activations"), encoded.Activations is not null);
        if (encoded.Activations is { } activations) CheckCodes("activations", activations, expected.Get("activations").ToTensor());
        using var config = JsonDocument.Parse(File.ReadAllText(Path.Combine(Fixture.Path($"saes/{name}"), "case.json")));
        Assert.Equal("rtol 1e-5, atol 1e-5*max|ref|", config.RootElement.GetProperty("tolerance").GetString());
    }

    [Theory, MemberData(nameof(RawCases))]
    public void The_raw_convention_takes_weights_as_stored(string name)
    {
        using var scope = NewDisposeScope();
        using var expected = Expected(name);
        using var encoded = Encode(name, new CoderOptions { Convention = "raw" });
        CheckCodes("features_raw", encoded.Features, expected.Get("features_raw").ToTensor());
        Check("x_hat_raw", encoded.Prediction, expected.Get("x_hat_raw").ToTensor());
    }

    [Theory, MemberData(nameof(BatchCases))]
    public void Selection_over_the_batch_is_that_of_training(string name)
    {
        using var scope = NewDisposeScope();
        using var expected = Expected(name);
        using var encoded = Encode(name, new CoderOptions { Select = Selection.Batch });
        CheckCodes("features_batchtopk", encoded.Features, expected.Get("features_batchtopk").ToTensor());
        if (expected.Contains("x_hat_batchtopk")) Check("x_hat_batchtopk", encoded.Prediction, expected.Get("x_hat_batchtopk").ToTensor());
    }

    [Fact]
    public void Llama_scope_can_be_read_as_SAELens_reads_it()
    {
        using var scope = NewDisposeScope();
        using var expected = Expected("llama_scope");
        using var encoded = Encode("llama_scope", new CoderOptions { Convention = "saelens" });
        CheckCodes("features", encoded.Features, expected.Get("features").ToTensor());
        Check("x_hat", encoded.Prediction, expected.Get("x_hat").ToTensor());
    }

    private static IEnumerable<string> Folders() =>
        Directory.GetDirectories(Fixture.Path("saes")).Select(folder => Path.GetFileName(folder)).Order(StringComparer.Ordinal);

    private static Func<string, bool> Expects(string tensor) => name =>
    {
        using var expected = Expected(name);
        return expected.Contains(tensor);
    };

    private static TensorSource Expected(string name) => TensorSource.Open(Path.Combine(Fixture.Path($"saes/{name}"), "expected.safetensors"));

    private static EncodedTensors Encode(string name, CoderOptions options)
    {
        using var expected = Expected(name);
        using var coder = CoderFile.OpenAny(Path.Combine(Fixture.Path($"saes/{name}"), "files"), options);
        return SaeEncode.Run(coder, expected.Get("x").ToTensor());
    }

    private static void CheckCodes(string what, Tensor got, Tensor want)
    {
        Check(what, got, want);
        Assert.True(got.ne(0).Equals(want.ne(0)), $"{what}: other features are active");
    }

    private static void Check(string what, Tensor got, Tensor want)
    {
        Assert.Equal(want.shape, got.shape);
        Close.Check(what, got, want, atol: 1e-5 * want.abs().max().item<float>());
    }
}
