using System.Text.Json;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>The verbs on sparse coders' files: what is written, what is said, and the exit codes.</summary>
public sealed class SaeVerbTests
{
    [Theory]
    [InlineData("circuit_tracer_v0_relu_skip", "decoded,features,x_hat")]
    [InlineData("dictionary_learning_batchtopk_crosscoder_decoupled", "activations,features,x_hat")]
    [InlineData("openai_v5_topk", "decoded,features,x_hat")]
    [InlineData("gemma_scope_res", "features,x_hat")]
    public void Encode_writes_what_the_kind_of_coder_has(string name, string tensors)
    {
        using var folder = new TempFolder();
        var (code, errors, output) = VerbRun.Of(
            "sae", "encode", "--sae", Fixture.Path($"saes/{name}/files"), "--tensors", Fixture.Path($"saes/{name}/expected.safetensors"), "--out", folder["y.safetensors"]);
        Assert.True(code == 0, errors);
        Assert.Equal("", output);
        using var written = TensorSource.Open(folder["y.safetensors"]);
        Assert.Equal(tensors.Split(','), written.Names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Two_coders_are_compared_and_one_is_taken_apart()
    {
        using var folder = new TempFolder();
        using (var scope = NewDisposeScope())
        {
            // Of unseeded rows two are alike now and then.
            using var generator = new Generator(4);
            var rows = randn(24, 16, generator: generator);
            foreach (var (name, from, count) in new[] { ("one", 0, 16), ("other", 8, 16), ("small", 0, 8) })
            {
                var own = rows.narrow(0, from, count).clone();
                using var coder = new StandardCoder(new CoderCard { Architecture = "standard", Inputs = 16, Features = count, Outputs = 16 },
                    new CoderWeights { Encoder = own, EncoderBias = zeros(count), Decoder = own.clone(), OutputBias = zeros(16) });
                CoderWriters.Named("prisma-sae/1").Write(coder, folder[name]);
            }
            Safetensors.Write(folder["x.safetensors"], [randn(50, 16, generator: generator).ToStored("x")]);
        }
        JsonElement Of(params string[] arguments)
        {
            var (code, errors, output) = VerbRun.Of(["sae", "compare", .. arguments, "--json"]);
            Assert.True(code == 0, errors);
            return JsonDocument.Parse(output).RootElement;
        }
        Assert.Equal(0.5, Of("--sae", folder["one"], "--with", folder["other"]).GetProperty("overlap").GetProperty("share").GetDouble(), 0.2);
        Assert.Equal(1, Of("--sae", folder["one"], "--with", folder["one"]).GetProperty("match").GetProperty("mean_cosine").GetDouble(), 1e-5);
        var stitched = Of("--sae", folder["one"], "--with", folder["small"], "--tensors", folder["x.safetensors"]).GetProperty("stitching");
        Assert.Equal(8, stitched.GetProperty("novel").GetArrayLength());
        Assert.Equal(4, Of("--sae", folder["one"], "--meta", "4").GetProperty("meta").GetProperty("metas").GetArrayLength());
        var (wrong, message, _) = VerbRun.Of("sae", "compare", "--sae", folder["one"]);
        Assert.Equal(2, wrong);
        Assert.Contains("--with", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Encode_takes_settings_and_conventions_and_states_what_the_format_defines()
    {
        using var folder = new TempFolder();
        var x = Fixture.Path("saes/overcomplete_batchtopk/expected.safetensors");
        var state = Fixture.Path("saes/overcomplete_batchtopk/files/state_dict.pth");
        var (code, errors, _) = VerbRun.Of("sae", "encode", "--sae", state, "--tensors", x, "--out", folder["y.safetensors"]);
        Assert.Equal(2, code);
        Assert.Contains("--set running_threshold=VALUE", errors, StringComparison.Ordinal);
        (code, errors, _) = VerbRun.Of("sae", "encode", "--sae", state, "--tensors", x, "--out", folder["y.safetensors"], "--set", "running_threshold=2.5");
        Assert.True(code == 0, errors);
        Assert.Contains("by format: sae_class = batchtopksae", errors, StringComparison.Ordinal);
        (code, errors, _) = VerbRun.Of(
            "sae", "encode", "--sae", Fixture.Path("saes/llama_scope"), "--tensors", Fixture.Path("saes/llama_scope/expected.safetensors"), "--out", folder["z.safetensors"], "--convention", "openai");
        Assert.Equal(2, code);
        Assert.Contains("saelens", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Convert_writes_a_coder_that_encode_reads_and_refuses_with_the_reason()
    {
        using var folder = new TempFolder();
        var from = Fixture.Path("saes/dictionary_learning_BatchTopKSAE");
        var (code, errors, _) = VerbRun.Of("sae", "convert", from, folder["sae"], "--to", "saelens");
        Assert.True(code == 0, errors);
        (code, errors, _) = VerbRun.Of("sae", "encode", "--sae", folder["sae"], "--tensors", Path.Combine(from, "expected.safetensors"), "--out", folder["y.safetensors"]);
        Assert.True(code == 0, errors);
        (code, errors, _) = VerbRun.Of("sae", "convert", from, folder["sae"], "--to", "saelens");
        Assert.Equal(2, code);
        Assert.Contains("--force", errors, StringComparison.Ordinal);
        (code, errors, _) = VerbRun.Of("sae", "convert", from, folder["other"], "--to", "openai");
        Assert.Equal(2, code);
        Assert.Contains("the library has ReLU and top-k coders", errors, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder["other"]));
    }

    [Fact]
    public void Several_coders_are_listed()
    {
        using var folder = new TempFolder();
        var (code, errors, _) = VerbRun.Of(
            "sae", "encode", "--sae", Fixture.Path("saes"), "--tensors", Fixture.Path("saes/gemma_scope_res/expected.safetensors"), "--out", folder["y.safetensors"]);
        Assert.Equal(2, code);
        Assert.Contains("104 coders", errors, StringComparison.Ordinal);
    }
}
