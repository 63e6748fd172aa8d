using System.Text.Json;
using Prisma.Cli;
using Prisma.Core;
using Prisma.Tests.Diffusion;
using static TorchSharp.torch;

namespace Prisma.Tests.Cli;

/// <summary>The verbs that draw, as a user calls them.</summary>
public sealed class DiffusionVerbTests : IDisposable
{
    private const string Down = "unet.down_blocks.2.attentions.1";

    private readonly TempFolder _folder = new();
    private readonly DiffusionFixture _expected = new();

    [Fact]
    public void Generate_writes_the_references_trace_and_a_record()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(_folder["l.safetensors"], [("latents", _expected["denoise4.latents"])]);
        Safetensors.Write(_folder["n.safetensors"], [("noises", _expected["denoise4.noises"])]);
        var (code, errors, output) = VerbRun.Of("generate", "--model", DiffusionFixture.Folder, "--prompt", DiffusionFixture.Prompt, "--steps", "4", "--latents", _folder["l.safetensors"],
            "--noise", _folder["n.safetensors"], "--hooks", "down.2.1", "--hooks", "mid.0.hook_out", "--trace", _folder["t.safetensors"], "--out", _folder["out"], "--words", "--json");
        Assert.True(code == 0, errors);
        using var trace = TensorSource.Open(_folder["t.safetensors"]);
        Assert.Equal(["image", "out", "pooled_prompt_embeds", "prompt_embeds", "steps", "timesteps", Down + ".hook_update", "unet.mid_block.attentions.0.hook_out"], trace.Names.Order(StringComparer.Ordinal));
        _expected.Check("denoise4.steps", trace.Get("steps").ToTensor(), DiffusionFixture.OfRun);
        _expected.Check("denoise4.out", trace.Get("out").ToTensor(), DiffusionFixture.OfRun);
        _expected.Check($"denoise4.{Down}.diff", trace.Get(Down + ".hook_update").ToTensor(), DiffusionFixture.OfRun);
        Assert.Equal([1L, 128, 128, 3], trace.Get("image").ToTensor().shape);
        using var record = JsonDocument.Parse(output);
        Assert.Equal([999.0, 749, 499, 249], record.RootElement.GetProperty("timesteps").EnumerateArray().Select(step => step.GetDouble()));
        Assert.StartsWith("sha256:", record.RootElement.GetProperty("provenance").GetProperty("vae_hash").GetString(), StringComparison.Ordinal);
        Assert.Equal(["000-words.png", "000.png", "record.json"], Directory.EnumerateFiles(_folder["out"]).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Cache_runs_each_component_and_edits_features_by_short_codes()
    {
        using var scope = NewDisposeScope();
        Safetensors.Write(_folder["in.safetensors"], _expected.Input(999).Select(pair => (pair.Key, pair.Value)));
        var (code, errors, _) = VerbRun.Of("cache", "--model", Path.Combine(DiffusionFixture.Folder, "unet"), "--tensors", _folder["in.safetensors"], "--hooks", Down + ".transformer_blocks.0.attn2.hook_pattern",
            "--sae", DiffusionFixture.Sae, "--edit", $"down.2.1:{_expected["edit.feature_idx"].item<long>()}=add 2", "--out", _folder["out.safetensors"]);
        Assert.True(code == 0, errors);
        using var written = TensorSource.Open(_folder["out.safetensors"]);
        _expected.Check("edit.add_feature_value2.unet_out", written.Get("output.sample").ToTensor());
        _expected.Check($"unet.{Down["unet.".Length..]}.transformer_blocks.0.attn2.probs", written.Get(Down + ".transformer_blocks.0.attn2.hook_pattern").ToTensor());
        Safetensors.Write(_folder["p.safetensors"], [("sample", _expected["vae.encode.in"])]);
        Assert.Equal(0, VerbRun.Of("cache", "--model", Path.Combine(DiffusionFixture.Folder, "vae"), "--tensors", _folder["p.safetensors"], "--out", _folder["v.safetensors"]).Code);
        using var coded = TensorSource.Open(_folder["v.safetensors"]);
        _expected.Check("vae.encode.mean", coded.Get("output.latent_mean").ToTensor());
        _expected.Check("vae.encode.logvar", coded.Get("output.latent_logvar").ToTensor());
    }

    [Fact]
    public void Intervene_writes_pictures_maps_and_a_record()
    {
        var (code, errors, output) = VerbRun.Of("intervene", "--model", DiffusionFixture.Folder, "--prompt", "a fox", "--steps", "2", "--sae", DiffusionFixture.Sae,
            "--feature", "down.2.1:3=+8", "--feature", "down.2.1:4=off", "--mask", "polygon:0,0 64,0 64,64", "--at-steps", "0-1", "--out", _folder["out"], "--json");
        Assert.True(code == 0, errors);
        string[] files = ["000-difference.png", "000-edited.png", "000-original.png", "000-sheet.png", $"000-{Down}-3.png", $"000-{Down}-4.png", "record.json"];
        Assert.Equal(files, Directory.EnumerateFiles(_folder["out"]).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal));
        using var record = JsonDocument.Parse(output);
        var edit = record.RootElement.GetProperty("edits")[0];
        using var coder = Coders.Load(DiffusionFixture.Sae);
        Assert.Equal(8.0 * coder.Card.Statistics!.Mean[3], edit.GetProperty("value").GetDouble(), 4);
        Assert.Equal(2, VerbRun.Of("intervene", "--model", DiffusionFixture.Folder, "--prompt", "a fox", "--sae", DiffusionFixture.Sae, "--feature", "down.2.1:3=+8", "--out", _folder["out"]).Code);
    }

    [Theory]
    [InlineData("There is no file or folder", "generate", "--model", "{none}", "--prompt", "a", "--out", "{out}")]
    [InlineData("no text-to-image checkpoint", "generate", "--model", "{unet}", "--prompt", "a", "--out", "{out}")]
    [InlineData("Say where results go", "generate", "--model", "{model}", "--prompt", "a")]
    [InlineData("Nearest: unet.mid_block.attentions.0.hook_update", "generate", "--model", "{model}", "--prompt", "a", "--hooks", "mid.3", "--trace", "{out}")]
    [InlineData("--size 12", "generate", "--model", "{model}", "--prompt", "a", "--size", "12", "--out", "{out}")]
    [InlineData("the height 20 is no multiple of 8", "generate", "--model", "{model}", "--prompt", "a", "--size", "20x64", "--out", "{out}")]
    [InlineData("There is no scheduler file", "generate", "--model", "{model}", "--prompt", "a", "--scheduler", "{none}", "--out", "{out}")]
    [InlineData("for the DDIM scheduler alone", "generate", "--model", "{model}", "--prompt", "a", "--eta", "1", "--out", "{out}")]
    [InlineData("need [2, 4, 16, 16]", "generate", "--model", "{model}", "--prompt", "a", "b", "--latents", "{latents}", "--out", "{out}")]
    [InlineData("is no change of a feature", "intervene", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--feature", "down.2.1:3=8x", "--out", "{out}")]
    [InlineData("no feature 96", "intervene", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--feature", "down.2.1:96=+1", "--out", "{out}")]
    [InlineData("was named, but", "intervene", "--model", "{model}", "--prompt", "a", "--sae", "mid.0={sae}", "--feature", "mid.0:1=+1", "--out", "{out}")]
    [InlineData("they must be of one size", "intervene", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--feature", "down.2.1:3=+1", "--mask", "{picture}", "--out", "{out}")]
    [InlineData("reaches out of the picture", "intervene", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--feature", "down.2.1:3=+1", "--mask", "box:100,0,64,64", "--out", "{out}")]
    [InlineData("names no steps", "intervene", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--feature", "down.2.1:3=+1", "--at-steps", "first", "--out", "{out}")]
    public void Bad_input_is_refused_in_a_sentence(string sentence, params string[] args)
    {
        var (code, errors, output) = VerbRun.Of([.. args.Select(Filled)]);
        Assert.Contains(sentence, errors, StringComparison.Ordinal);
        Assert.Equal((ExitCode.BadInput, ""), (code, output));
        Assert.False(Path.Exists(_folder["out"]));
    }

    public void Dispose()
    {
        _expected.Dispose();
        _folder.Dispose();
    }

    private string Filled(string word)
    {
        if (word == "{latents}")
        {
            using var latents = _expected["denoise1.latents"];
            Safetensors.Write(_folder["one.safetensors"], [("latents", latents)]);
        }
        return word
            .Replace("{model}", DiffusionFixture.Folder, StringComparison.Ordinal).Replace("{unet}", Path.Combine(DiffusionFixture.Folder, "unet"), StringComparison.Ordinal)
            .Replace("{sae}", DiffusionFixture.Sae, StringComparison.Ordinal).Replace("{picture}", Fixture.Path("imaging/rgb.png"), StringComparison.Ordinal)
            .Replace("{none}", _folder["none"], StringComparison.Ordinal).Replace("{out}", _folder["out"], StringComparison.Ordinal).Replace("{latents}", _folder["one.safetensors"], StringComparison.Ordinal);
    }
}
