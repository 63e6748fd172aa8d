using System.Text;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Sae;

/// <summary>Finding coders on disk, and refusing what a file leaves open.</summary>
public sealed class CoderFileTests
{
    [Fact]
    public void A_folder_is_searched_downwards_and_a_file_names_its_coder()
    {
        using var below = CoderFile.Open(Fixture.Path("saes/saelens6_topk"));
        using var file = CoderFile.Open(Fixture.Path("saes/saelens6_topk/files/sae_weights.safetensors"));
        Assert.Equal("topk", below.Card.Architecture);
        Assert.Equal(4, Assert.IsType<TopKCoder>(file).K);
        Assert.Equal((8, 28, 8), (file.Card.Inputs, file.Card.Features, file.Card.Outputs));
        Assert.Equal("gpt2-small", file.Card.Origin.ModelName);
        Assert.Equal([Site.ResidPre[7]], file.Card.Reads);
    }

    [Fact]
    public void Several_coders_are_refused_with_the_list()
    {
        using var folder = new TempFolder();
        Copy("saelens6_topk", folder["a"]);
        Copy("saelens6_gated", folder["b"]);
        var error = Assert.Throws<CheckpointException>(() => CoderFile.Open(folder.Path));
        Assert.Contains(Path.Combine("a", "sae_weights.safetensors"), error.Message, StringComparison.Ordinal);
        Assert.Contains(Path.Combine("b", "sae_weights.safetensors"), error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_there_is_said()
    {
        using var folder = new TempFolder();
        Assert.Contains("no files", Assert.Throws<CheckpointException>(() => CoderFile.Open(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("There is no SAE", Assert.Throws<CheckpointException>(() => CoderFile.Open(folder["none"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_k_is_refused_with_the_setting_that_says_it()
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        Edit("saelens6_topk", folder.Path, "\"k\": 4", "\"k\": null");
        Assert.Contains("--set k=VALUE", Assert.Throws<CheckpointException>(() => CoderFile.Open(folder.Path)).Message, StringComparison.Ordinal);
        using var coder = CoderFile.Open(folder.Path, new CoderOptions { Set = new Dictionary<string, string> { ["k"] = "3" } });
        Assert.Equal(3, Assert.IsType<TopKCoder>(coder).K);
    }

    [Fact]
    public void A_setting_that_contradicts_the_file_or_is_not_asked_for_is_refused()
    {
        var path = Fixture.Path("saes/saelens6_topk");
        Assert.Throws<OptionsException>(() => CoderFile.Open(path, new CoderOptions { Set = new Dictionary<string, string> { ["k"] = "3" } }));
        Assert.Contains("banana", Assert.Throws<OptionsException>(() => CoderFile.Open(path, new CoderOptions { Set = new Dictionary<string, string> { ["banana"] = "3" } })).Message, StringComparison.Ordinal);
        Assert.Throws<OptionsException>(() => CoderFile.Open(path, new CoderOptions { Convention = "raw" }));
        Assert.Throws<OptionsException>(() => CoderFile.Open(path, new CoderOptions { Select = Selection.Batch }));
    }

    [Fact]
    public void A_scale_that_only_a_release_list_knows_is_asked_for_and_folded()
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        Edit("saelens6_standard", folder.Path, "\"normalize_activations\": \"none\"", "\"normalize_activations\": \"expected_average_only_in\"");
        Assert.Contains("--set norm_scaling_factor=VALUE", Assert.Throws<CheckpointException>(() => CoderFile.Open(folder.Path)).Message, StringComparison.Ordinal);
        using var plain = CoderFile.Open(Fixture.Path("saes/saelens6_standard"));
        using var scaled = CoderFile.Open(folder.Path, new CoderOptions { Set = new Dictionary<string, string> { ["norm_scaling_factor"] = "2.5" } });
        using var generator = new Generator(4);
        var x = randn(5, 8, generator: generator);
        using var want = SaeEncode.Run(plain, x * 2.5);
        using var got = SaeEncode.Run(scaled, x);
        Close.Check("features", got.Features, want.Features);
        Close.Check("x_hat", got.Prediction, want.Prediction / 2.5);
    }

    [Fact]
    public void What_the_format_defines_is_stated()
    {
        using var coder = CoderFile.Open(Fixture.Path("saes/saelens3_v2_keys"));
        Assert.Contains(coder.Card.Origin.ByFormat, note => note.StartsWith("apply_b_dec_to_input = true", StringComparison.Ordinal));
        Assert.Contains(coder.Card.Origin.ByFormat, note => note.StartsWith("architecture = standard", StringComparison.Ordinal));
    }

    [Fact]
    public void Missing_and_misshapen_tensors_are_reported_together()
    {
        using var scope = NewDisposeScope();
        using var folder = new TempFolder();
        Copy("saelens6_jumprelu", folder.Path);
        using (var source = TensorSource.Open(Fixture.Path("saes/saelens6_jumprelu/files/sae_weights.safetensors")))
        {
            var tensors = source.Tensors.Where(tensor => tensor.Name is not "threshold" and not "b_enc").Append(ones(3).ToStored("b_enc")).Append(ones(1).ToStored("spare"));
            Safetensors.Write(folder["sae_weights.safetensors"], tensors, existing: ExistingFile.Replace);
        }
        var error = Assert.Throws<CheckpointException>(() => CoderFile.Open(folder.Path));
        foreach (var part in new[] { "threshold is missing", "b_enc is [3], expected [28]", "spare is unexpected", folder.Path })
            Assert.Contains(part, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("prisma_topk", "weights.pt")]
    [InlineData("prisma_pickled", "n_images_130007.pt")]
    [InlineData("saelens6_topk", "sae_weights.safetensors")]
    [InlineData("dictionary_learning_AutoEncoder", "ae.pt")]
    public void A_truncated_file_is_refused_with_its_name(string name, string file)
    {
        using var folder = new TempFolder();
        Copy(name, folder.Path);
        var bytes = File.ReadAllBytes(folder[file]);
        File.WriteAllBytes(folder[file], bytes[..(bytes.Length / 2)]);
        Assert.Contains(file, Assert.Throws<CheckpointException>(() => CoderFile.Open(folder[file])).Message, StringComparison.Ordinal);
        File.WriteAllBytes(folder[file], []);
        Assert.Contains("0 bytes", Assert.Throws<CheckpointException>(() => CoderFile.Open(folder[file])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("prisma_topk", "config.json")]
    [InlineData("saelens6_topk", "cfg.json")]
    public void A_missing_configuration_is_named(string name, string file)
    {
        using var folder = new TempFolder();
        Copy(name, folder.Path);
        File.Delete(folder[file]);
        Assert.Contains(file, Assert.Throws<CheckpointException>(() => CoderFile.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Heads_are_flattened_only_where_the_coder_reads_heads()
    {
        using var scope = NewDisposeScope();
        using var heads = CoderFile.Open(Fixture.Path("saes/saelens3_hook_z"));
        using var plain = CoderFile.Open(Fixture.Path("saes/saelens3_standard"));
        using var encoded = SaeEncode.Run(heads, randn(6, 2, 4));
        Assert.Equal([6, 2, 4], encoded.Prediction.shape);
        Assert.Throws<ShapeException>(() => plain.Encode(randn(6, 2, 4)));
    }

    [Fact]
    public void Prisma_files_tell_their_place_tower_and_tokens()
    {
        using var folder = new TempFolder();
        Edit("prisma_topk", folder.Path, "\"cls_token_only\": false", "\"cls_token_only\": true", "config.json");
        using var coder = CoderFile.Open(folder.Path);
        Assert.Equal(TokenScope.Cls, coder.Card.Origin.Scope);
        Assert.Equal(Part.Vision, coder.Card.Origin.DefaultPart);
        Assert.Equal([Site.MlpOut[10]], coder.Card.Reads);
    }

    [Fact]
    public void Transcoders_read_and_write_different_places()
    {
        using var coder = CoderFile.Open(Fixture.Path("saes/prisma_transcoder_topk"));
        Assert.Equal([Site.Ln2Normalized[10]], coder.Card.Reads);
        Assert.Equal([Site.MlpOut[9]], coder.Card.Writes);
        Assert.Equal(10, coder.Card.Outputs);
    }

    [Fact]
    public void Encoding_files_writes_features_and_prediction_and_never_overwrites_silently()
    {
        using var folder = new TempFolder();
        var case_ = Fixture.Path("saes/prisma_topk");
        SaeEncode.Run(case_, Path.Combine(case_, "expected.safetensors"), folder["y.safetensors"]);
        using var written = TensorSource.Open(folder["y.safetensors"]);
        Assert.Equal(["decoded", "features", "x_hat"], written.Names.Order(StringComparer.Ordinal));
        Assert.Throws<PrismaException>(() => SaeEncode.Run(case_, Path.Combine(case_, "expected.safetensors"), folder["y.safetensors"]));
    }

    private static void Copy(string name, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(Fixture.Path($"saes/{name}/files"))) File.Copy(file, Path.Combine(to, Path.GetFileName(file)), overwrite: true);
    }

    private static void Edit(string name, string to, string from, string into, string file = "cfg.json")
    {
        Copy(name, to);
        var path = Path.Combine(to, file);
        var text = File.ReadAllText(path);
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(from, into, StringComparison.Ordinal));
    }
}
