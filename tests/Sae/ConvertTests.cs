using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Every committed coder in every layout that can say it, read again.</summary>
public sealed class ConvertTests
{
    // How many of the committed coders each layout can say: a writer that begins to refuse is noticed.
    private static readonly Dictionary<string, int> s_least = new()
    {
        ["circuit-tracer"] = 54,
        ["dictionary_learning"] = 56,
        ["openai"] = 23,
        ["prisma"] = 13,
        ["prisma-sae/1"] = 104,
        ["saelens"] = 72,
        ["sdxl-unbox"] = 13,
        ["sparsify"] = 16,
    };

    public static TheoryData<string> Layouts => [.. CoderWriters.All.Select(writer => writer.Name)];

    [Fact]
    public void All_layouts_are_known() => Assert.Equal(s_least.Keys.Order(StringComparer.Ordinal), CoderWriters.All.Select(writer => writer.Name));

    [Theory, MemberData(nameof(Layouts))]
    public void What_a_layout_can_say_is_read_again_as_it_was(string layout)
    {
        var writer = CoderWriters.Named(layout);
        var written = new List<string>();
        foreach (var name in EncodeParityTests.Cases)
        {
            using var scope = NewDisposeScope();
            using var folder = new TempFolder();
            using var coder = CoderFile.OpenAny(Fixture.Path($"saes/{name}"));
            if (writer.Refuses(coder) is { } reason)
            {
                Assert.Contains(reason, Assert.Throws<OptionsException>(() => writer.Write(coder, folder.Path)).Message, StringComparison.Ordinal);
                Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
                continue;
            }
            writer.Write(coder, folder.Path);
            written.Add(name);
            using var again = CoderFile.OpenAny(folder.Path);
            using var expected = TensorSource.Open(Fixture.Path($"saes/{name}/expected.safetensors"));
            var x = expected.Get("x").ToTensor();
            // Layouts that cannot name the place take heads flattened.
            if (coder.Card.FlattensHeads && !again.Card.FlattensHeads) x = x.flatten(-2);
            using var before = SaeEncode.Run(coder, x);
            using var after = SaeEncode.Run(again, x);
            Same($"{name} as {layout}: features", after.Features, before.Features, exact: layout == "prisma-sae/1");
            Same($"{name} as {layout}: x_hat", after.Prediction, before.Prediction, exact: layout == "prisma-sae/1");
            Assert.True(after.Features.ne(0).Equals(before.Features.ne(0)), $"{name} as {layout}: other features are active");
        }
        Assert.True(written.Count >= s_least[layout], $"{layout} says {written.Count} of the committed coders: {string.Join(", ", written)}");
    }

    [Theory]
    [InlineData("openai_v5_topk_identity", "saelens", "below zero")]
    [InlineData("circuit_tracer_plt_topk", "saelens", "several layers")]
    [InlineData("saelens6_topk", "circuit-tracer", "negative values")]
    [InlineData("saelens6_batchtopk_training_checkpoint", "saelens", "over the batch")]
    [InlineData("saelens6_topk", "openai", "normalises")]
    [InlineData("dictionary_learning_crosscoder_sae", "sparsify", "crosscoder")]
    [InlineData("saelens6_standard", "prisma", "multiple of d_in")]
    public void What_a_layout_cannot_say_is_refused_with_the_reason(string name, string layout, string reason)
    {
        using var folder = new TempFolder();
        var select = name.EndsWith("batchtopk_training_checkpoint", StringComparison.Ordinal) ? Selection.Batch : (Selection?)null;
        var error = Assert.Throws<OptionsException>(
            () => SaeConvert.Run(Fixture.Path($"saes/{name}"), folder["out"], layout, new CoderOptions { Select = select }));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["out"]));
    }

    [Fact]
    public void A_layout_that_does_not_exist_is_refused_with_the_list()
    {
        using var folder = new TempFolder();
        Assert.Contains("saelens", Assert.Throws<OptionsException>(() => SaeConvert.Run(Fixture.Path("saes/saelens6_topk"), folder.Path, "keras")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Files_that_are_there_are_replaced_only_on_demand_and_never_in_part()
    {
        using var folder = new TempFolder();
        var from = Fixture.Path("saes/saelens6_topk");
        File.WriteAllText(folder["cfg.json"], "mine");
        Assert.Contains("--force", Assert.Throws<OptionsException>(() => SaeConvert.Run(from, folder.Path, "saelens")).Message, StringComparison.Ordinal);
        Assert.Equal("mine", File.ReadAllText(folder["cfg.json"]));
        Assert.False(File.Exists(folder["sae_weights.safetensors"]));
        SaeConvert.Run(from, folder.Path, "saelens", existing: ExistingFile.Replace);
        using var coder = CoderFile.Open(folder.Path);
        Assert.Equal("topk", coder.Card.Architecture);
    }

    [Fact]
    public void Where_a_coder_belongs_goes_along()
    {
        using var folder = new TempFolder();
        foreach (var layout in new[] { "saelens", "prisma-sae/1", "dictionary_learning" })
        {
            var to = folder[layout.Replace('/', '-')];
            SaeConvert.Run(Fixture.Path("saes/dictionary_learning_JumpReluAutoEncoder"), to, layout);
            using var coder = CoderFile.Open(to);
            Assert.Equal([Site.ResidPost[8]], coder.Card.Reads);
            Assert.Equal("EleutherAI/pythia-70m-deduped", coder.Card.Origin.ModelName);
        }
    }

    [Theory]
    [InlineData("gated")]
    [InlineData("leaky")]
    [InlineData("transcoder")]
    [InlineData("own input bias")]
    public void ViT_Prisma_can_say_more_than_autoencoders_with_one_bias(string kind)
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        using var generator = new Generator(3);
        Tensor Random(params long[] shape) => randn(shape, generator: generator);
        var transcodes = kind == "transcoder";
        var card = Toy.Card("standard", 4, 12) with { Reads = [Site.Ln2Normalized[1]], Writes = [transcodes ? Site.MlpOut[1] : Site.Ln2Normalized[1]] };
        var weights = new CoderWeights
        {
            Encoder = Random(12, 4),
            EncoderBias = kind == "gated" ? zeros(12) : Random(12),
            Decoder = Random(12, 4),
            OutputBias = Random(4),
            InputBias = transcodes ? null : Random(4),
            Skip = transcodes ? Random(4, 4) : null,
        };
        using Coder coder = kind switch
        {
            "gated" => new GatedCoder(card, weights, Random(12), Random(12), Random(12)),
            "leaky" => new StandardCoder(card, weights, StandardActivation.LeakyRelu, 0.2),
            _ => new StandardCoder(card, weights),
        };
        CoderWriters.Named("prisma").Write(coder, folder.Path);
        using var again = CoderFile.Open(folder.Path);
        Assert.Equal((card.Reads[0], card.Writes[0]), (again.Card.Reads[0], again.Card.Writes[0]));
        var x = Random(20, 4);
        using var before = SaeEncode.Run(coder, x);
        using var after = SaeEncode.Run(again, x);
        Same("features", after.Features, before.Features, exact: false);
        Same("x_hat", after.Prediction, before.Prediction, exact: false);
    }

    private static void Same(string what, Tensor got, Tensor want, bool exact)
    {
        Assert.Equal(want.shape, got.shape);
        if (exact) Assert.True(got.Equals(want), $"{what}: not the same bits");
        else Close.Check(what, got, want, atol: 1e-6 * want.abs().max().item<float>(), rtol: 1e-6);
    }
}
