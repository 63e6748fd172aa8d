using System.Text.Json;
using Prisma.Cli;
using Prisma.Core;
using Prisma.Demo;
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
            "--feature", "down.2.1:50=+8", "--feature", "down.2.1:4=off", "--mask", "polygon:0,0 64,0 64,64", "--at-steps", "0-1", "--out", _folder["out"], "--json");
        Assert.True(code == 0, errors);
        string[] files = ["000-difference.png", "000-edited.png", "000-original.png", "000-sheet.png", $"000-{Down}-4.png", $"000-{Down}-50.png", "record.json"];
        Assert.Equal(files, Directory.EnumerateFiles(_folder["out"]).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal));
        using var record = JsonDocument.Parse(output);
        var edit = record.RootElement.GetProperty("edits")[0];
        using var coder = Coders.Load(DiffusionFixture.Sae);
        Assert.Equal(8.0 * coder.Card.Statistics!.Mean[50], edit.GetProperty("value").GetDouble(), 4);
        Assert.Equal(2, VerbRun.Of("intervene", "--model", DiffusionFixture.Folder, "--prompt", "a fox", "--sae", DiffusionFixture.Sae, "--feature", "down.2.1:50=+8", "--out", _folder["out"]).Code);
        (code, errors, _) = VerbRun.Of("intervene", "--model", DiffusionFixture.Folder, "--prompt", "a fox", "--sae", DiffusionFixture.Sae, "--feature", "down.2.1:3=+8", "--out", _folder["nothing"]);
        Assert.Equal(0, code);
        Assert.Contains("feature 3 never fired", errors, StringComparison.Ordinal);
    }

    // Prompts to cached updates to a coder to a changed picture, all from the command line.
    [Fact]
    public void A_coder_is_trained_on_prompts_and_used_in_sdxl_unboxs_layout()
    {
        File.WriteAllText(_folder["prompts.txt"], "a fox\n\na house\nblue house\na red circle\n");
        var (code, errors, output) = VerbRun.Of("sae", "harvest", "--model", DiffusionFixture.Folder, "--prompts", _folder["prompts.txt"], "--draw-steps", "2", "--hook", "up.0.1", "--out", _folder["acts"], "--json");
        Assert.True(code == 0, errors);
        using (var json = JsonDocument.Parse(output)) Assert.Equal(4 * 2 * 16, json.RootElement.GetProperty("rows").GetInt64());
        (code, errors, _) = VerbRun.Of("sae", "train", "--data", _folder["acts"], "--hook", "up.0.1", "--arch", "topk", "--k", "4", "--features", "64", "--steps", "6", "--batch", "64",
            "--statistics", "128", "--to", "sdxl-unbox", "--out", _folder["run"]);
        Assert.True(code == 0, errors);
        Assert.Equal(["config.json", "mean.pt", "state_dict.pth", "std.pt"], Directory.EnumerateFiles(_folder["run/coder"]).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal));
        int fires;
        using (var coder = Coders.Load(_folder["run/coder"])) fires = coder.Card.Statistics!.Mean.ToList().FindIndex(mean => mean > 0);
        (code, errors, _) = VerbRun.Of("intervene", "--model", DiffusionFixture.Folder, "--prompt", "a fox", "--sae", $"up.0.1={_folder["run/coder"]}", "--feature", $"up.0.1:{fires}=+8", "--out", _folder["changed"]);
        Assert.True(code == 0, errors);
        // The same without files between.
        (code, errors, _) = VerbRun.Of("sae", "train", "--model", DiffusionFixture.Folder, "--prompts", _folder["prompts.txt"], "--draw-steps", "2", "--hook", "up.0.1", "--arch", "topk", "--k", "4",
            "--features", "64", "--steps", "3", "--batch", "64", "--out", _folder["streamed"]);
        Assert.True(code == 0, errors);
        Assert.True(Directory.Exists(_folder["streamed/coder"]));
    }

    [Fact]
    public void Intervene_evaluate_writes_what_features_and_blocks_do()
    {
        File.WriteAllText(_folder["prompts.txt"], "a fox\na house\n");
        foreach (var file in new[] { "config.json", "model.safetensors" }) File.Copy(Fixture.Path("models/hf_clip_gelu/" + file), Path.Combine(Directory.CreateDirectory(_folder["clip"]).FullName, file));
        File.WriteAllText(_folder["clip/preprocessor_config.json"], InterventionEvaluationTests.ClipPreprocessing);
        var (code, errors, output) = VerbRun.Of("intervene", "evaluate", "--model", DiffusionFixture.Folder, "--prompts", _folder["prompts.txt"], "--sae", DiffusionFixture.Sae, "--features", "1", "--clip", _folder["clip"],
            "--out", _folder["out"], "--json");
        Assert.True(code == 0, errors);
        using var record = JsonDocument.Parse(output);
        Assert.Equal(2, record.RootElement.GetProperty("features").GetArrayLength());
        var block = record.RootElement.GetProperty("blocks")[0];
        Assert.Equal(Down + ".hook_update", block.GetProperty("site").GetString());
        Assert.True(block.GetProperty("causality").GetDouble() > 0);
        Assert.True(record.RootElement.GetProperty("all_reconstructed").GetProperty("embedded").GetDouble() >= 0);
        Assert.True(File.Exists(_folder["out/evaluation.json"]));
        (code, errors, output) = VerbRun.Of("intervene", "evaluate", "--model", DiffusionFixture.Folder, "--prompt", "a fox", "--sae", DiffusionFixture.Sae, "--features", "1");
        Assert.True(code == 0, errors);
        Assert.Contains("reconstructed", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Generate_draws_without_text_and_with_other_autoencoders()
    {
        using var pixels = new TempFolder();
        OtherPipelines.Pixels(pixels, "diffusers_unet_classes", """{"_class_name":"DDPMScheduler"}""", inFolders: false);
        var (code, errors, output) = VerbRun.Of("generate", "--model", pixels.Path, "--class", "6", "2", "--steps", "3", "--hooks", "mid.0", "--trace", _folder["t.safetensors"], "--out", _folder["out"], "--json");
        Assert.True(code == 0, errors);
        using (var record = JsonDocument.Parse(output)) Assert.Equal([666.0, 333, 0], record.RootElement.GetProperty("timesteps").EnumerateArray().Select(step => step.GetDouble()));
        using (var trace = TensorSource.Open(_folder["t.safetensors"]))
        {
            Assert.Equal(["image", "out", "steps", "timesteps", "unet.mid_block.attentions.0.hook_update"], trace.Names.Order(StringComparer.Ordinal));
            Assert.Equal([2L, 3, 16, 4, 4], trace.Get("unet.mid_block.attentions.0.hook_update").Shape);
        }
        Assert.Equal(["000.png", "001.png", "record.json"], Directory.EnumerateFiles(_folder["out"]).Select(file => Path.GetFileName(file)!).Order(StringComparer.Ordinal));
        foreach (var (sentence, more) in new (string, string[])[] { ("--prompt is for models that draw from a text", ["--prompt", "a"]), ("give one for each picture", []), ("there is no class 9", ["--class", "9"]), ("--words is for", ["--class", "1", "--words"]) })
        {
            (code, errors, _) = VerbRun.Of(["generate", "--model", pixels.Path, "--out", _folder["none"], .. more]);
            Assert.Equal(2, code);
            Assert.Contains(sentence, errors, StringComparison.Ordinal);
        }
        using var tiny = new TempFolder();
        OtherPipelines.WithAutoencoder(tiny, Fixture.Path("models/taesd_midblock"));
        (code, errors, _) = VerbRun.Of("generate", "--model", tiny.Path, "--prompt", "a fox", "--out", _folder["odd"]);
        Assert.Equal(2, code);
        Assert.Contains("the autoencoder's latents have 6", errors, StringComparison.Ordinal);
        Assert.Equal(0, VerbRun.Of("verify", Fixture.Path("models/taesd_midblock"), "--against", Fixture.Path("models/taesd_midblock/expected.safetensors")).Code);
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
    [InlineData("they must be of one size", "intervene", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--feature", "down.2.1:50=+1", "--mask", "{picture}", "--out", "{out}")]
    [InlineData("reaches out of the picture", "intervene", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--feature", "down.2.1:50=+1", "--mask", "box:100,0,64,64", "--out", "{out}")]
    [InlineData("this one draws a picture for each --prompt", "generate", "--model", "{model}", "--prompt", "a", "--count", "3", "--out", "{out}")]
    [InlineData("Say what to draw", "generate", "--model", "{model}", "--out", "{out}")]
    [InlineData("There is no file '{none}'; prompts are", "sae", "harvest", "--model", "{model}", "--prompts", "{none}", "--hook", "up.0.1", "--out", "{out}")]
    [InlineData("holds no prompts", "sae", "harvest", "--model", "{model}", "--prompts", "{empty}", "--hook", "up.0.1", "--out", "{out}")]
    [InlineData("Nearest: unet.up_blocks.0.attentions", "sae", "harvest", "--model", "{model}", "--prompts", "{lines}", "--hook", "up.0.7", "--out", "{out}")]
    [InlineData("--prompts excludes --image", "sae", "harvest", "--model", "{model}", "--prompts", "{lines}", "--image", "{picture}", "--hook", "up.0.1", "--out", "{out}")]
    [InlineData("no text-to-image checkpoint", "sae", "harvest", "--model", "{unet}", "--prompts", "{lines}", "--hook", "up.0.1", "--out", "{out}")]
    [InlineData("name it with --model", "sae", "train", "--prompts", "{lines}", "--hook", "up.0.1", "--arch", "topk", "--steps", "1", "--out", "{out}")]
    [InlineData("embeds no pictures", "intervene", "evaluate", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--clip", "{vit}", "--out", "{out}")]
    [InlineData("changes nothing", "intervene", "evaluate", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--change", "0", "--out", "{out}")]
    [InlineData("expected conditional, both or opposed", "intervene", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--feature", "down.2.1:50=+1", "--halves", "7", "--out", "{out}")]
    [InlineData("names no steps", "intervene", "--model", "{model}", "--prompt", "a", "--sae", "{sae}", "--feature", "down.2.1:50=+1", "--at-steps", "first", "--out", "{out}")]
    public void Bad_input_is_refused_in_a_sentence(string sentence, params string[] args)
    {
        var (code, errors, output) = VerbRun.Of([.. args.Select(Filled)]);
        Assert.Contains(Filled(sentence), errors, StringComparison.Ordinal);
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
        if (word == "{empty}") File.WriteAllText(_folder["empty.txt"], " \n\n");
        if (word == "{lines}") File.WriteAllText(_folder["lines.txt"], "a fox\n");
        return word
            .Replace("{empty}", _folder["empty.txt"], StringComparison.Ordinal).Replace("{lines}", _folder["lines.txt"], StringComparison.Ordinal).Replace("{vit}", DemoWeights.Vit, StringComparison.Ordinal)
            .Replace("{model}", DiffusionFixture.Folder, StringComparison.Ordinal).Replace("{unet}", Path.Combine(DiffusionFixture.Folder, "unet"), StringComparison.Ordinal)
            .Replace("{sae}", DiffusionFixture.Sae, StringComparison.Ordinal).Replace("{picture}", Fixture.Path("imaging/rgb.png"), StringComparison.Ordinal)
            .Replace("{none}", _folder["none"], StringComparison.Ordinal).Replace("{out}", _folder["out"], StringComparison.Ordinal).Replace("{latents}", _folder["one.safetensors"], StringComparison.Ordinal);
    }
}
