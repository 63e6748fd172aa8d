using System.Text.Json;
using Prisma.Core;
using Prisma.Demo;
using Prisma.Tests.Hub;

namespace Prisma.Tests.Cli;

/// <summary>Models and coders by name on the command line, against a hub on this machine. The environment is the process's: no other tests ask a hub through it.</summary>
public sealed class HubVerbTests : IDisposable
{
    private const string Dino = "facebook/dino-vitb16", DinoSae = "DINO-vanilla-x64-all_patches_4-resid_post-876-99";

    private static readonly string[] s_variables = ["HF_ENDPOINT", "HF_HUB_CACHE", "HF_TOKEN", "HF_HUB_OFFLINE"];

    private readonly TempFolder _folder = new();
    private readonly FakeHub _hub = new();
    private readonly string?[] _before = [.. s_variables.Select(Environment.GetEnvironmentVariable)];

    public HubVerbTests()
    {
        Set(_hub.Address.AbsoluteUri, _folder["cache"], "hf_mine", null);
        foreach (var file in new[] { "config.json", "model.safetensors", "preprocessor_config.json" }) _hub.Files[file] = File.ReadAllBytes(Path.Combine(DemoWeights.Vit, file));
        _hub.Large.Add("model.safetensors");
    }

    [Fact]
    public void Pull_prints_where_it_lies_and_says_how_it_went()
    {
        var (code, errors, output) = VerbRun.Of("pull", "org/model");
        Assert.True(code == 0, errors);
        Assert.True(File.Exists(Path.Combine(output.Trim(), "model.safetensors")));
        Assert.Contains("3 of 3 files", errors, StringComparison.Ordinal);
        (code, _, output) = VerbRun.Of("pull", "org/model", "--file", "*.json", "--revision", FakeHub.Commit, "--json");
        Assert.Equal(0, code);
        Assert.EndsWith(FakeHub.Commit, JsonDocument.Parse(output).RootElement.GetProperty("path").GetString());
    }

    [Theory]
    [InlineData("bfloat16", 2, 0.1)]
    [InlineData("float16", 2, 0.02)]
    [InlineData("float32", 4, 0)]
    public void Pull_writes_a_copy_in_another_precision(string dtype, int bytes, double change)
    {
        var (code, errors, output) = VerbRun.Of("pull", "org/model", "--dtype", dtype, "--out", _folder["copy"]);
        Assert.True(code == 0, errors);
        Assert.Equal(_folder["copy"], output.Trim());
        using var stored = TensorSource.Open(Path.Combine(_folder["copy"], "model.safetensors"));
        Assert.All(stored.Tensors, tensor => Assert.Equal(bytes, tensor.ByteCount / tensor.Count));
        using var scope = TorchSharp.torch.NewDisposeScope();
        using var model = Models.Load(_folder["copy"]);
        using var whole = Models.Load(DemoWeights.Vit);
        var pixels = TorchSharp.torch.ones(1, 3, 64, 64);
        Assert.True((model.Run(pixels) - whole.Run(pixels)).abs().max().item<float>() <= change);
        Assert.True(File.Exists(Path.Combine(_folder["copy"], "preprocessor_config.json")));
    }

    [Theory]
    [InlineData("--dtype float8 --out {out}", "expected float32, float16 or bfloat16")]
    [InlineData("--dtype float16", "--dtype needs --out")]
    [InlineData("--out {out}", "without --dtype")]
    [InlineData("--dtype float16 --out {cache}", "exists already")]
    [InlineData("--dtype float16 --out {out} --file *.json", "excludes --file")]
    public void A_copy_that_cannot_be_made_is_refused_before_anything_is_fetched(string options, string sentence)
    {
        Directory.CreateDirectory(_folder["cache"]);
        var (code, errors, output) = VerbRun.Of(["pull", "org/model", .. options.Replace("{out}", _folder["copy"], StringComparison.Ordinal).Replace("{cache}", _folder["cache"], StringComparison.Ordinal).Split(' ')]);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(sentence, errors, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder["cache"]));
        Assert.False(Path.Exists(_folder["copy"]));
    }

    [Fact]
    public void A_hub_id_serves_wherever_a_model_is_named()
    {
        var (code, errors, output) = VerbRun.Of("classify", "--model", "org/model", Fixture.Path("imaging/rgb.png"), "--json");
        Assert.True(code == 0, errors);
        Set(_hub.Address.AbsoluteUri, _folder["cache"], null, "1");
        Assert.Equal(output, VerbRun.Of("classify", "--model", "org/model", Fixture.Path("imaging/rgb.png"), "--json").Output);
        (code, errors, _) = VerbRun.Of("classify", "--model", "org/other", Fixture.Path("imaging/rgb.png"));
        Assert.Equal(2, code);
        Assert.Contains("HF_HUB_OFFLINE", errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pull", "nothing", "Nearest known")]
    [InlineData("pull", "org/absent", "There is no org/absent")]
    [InlineData("pull", "sdxl-unbox/mid.0", "github.com/surkovv/sdxl-unbox")]
    [InlineData("sites --model", "nothing", "There is no file or folder")]
    [InlineData("models show", "clip-vit-base", "openai/clip-vit-base-patch16")]
    [InlineData("models show", "org/absent", "There is no org/absent")]
    [InlineData("models --family", "frog", "There is no family")]
    [InlineData("models --search", "frog", "No known model")]
    public void A_name_that_means_nothing_is_refused(string verb, string name, string sentence)
    {
        var (code, errors, output) = VerbRun.Of([.. verb.Split(' '), name]);
        Assert.Equal((2, ""), (code, output));
        Assert.Contains(sentence, errors, StringComparison.Ordinal);
    }

    [Fact]
    public void A_known_coder_brings_its_model_and_place()
    {
        _hub.Others[Dino] = new(_hub.Files) { ["config.json"] = Renamed("config.json", DemoWeights.Vit, "somebody/else") };
        _hub.Others["prisma-multimodal/" + DinoSae] = new(StringComparer.Ordinal)
        {
            ["config.json"] = File.ReadAllBytes(Path.Combine(DemoWeights.Sae, "config.json")),
            ["weights.pt"] = File.ReadAllBytes(Path.Combine(DemoWeights.Sae, "weights.pt")),
            ["log_feature_sparsity.pt.txt"] = [1],
        };
        // The file names a model of its own that nobody knows: the registry's word brings the model, and the two do not agree.
        var (code, errors, _) = VerbRun.Of("features", "--sae", DinoSae, "--image", Fixture.Path("imaging/rgb.png"));
        Assert.Equal(2, code);
        Assert.Contains("was trained on 'prisma-net/demo-vit'", errors, StringComparison.Ordinal);
        Assert.Contains(Dino, errors, StringComparison.Ordinal);
        (code, errors, var output) = VerbRun.Of("features", "--sae", DinoSae, "--image", Fixture.Path("imaging/rgb.png"), "--force", "--json");
        Assert.True(code == 0, errors);
        Assert.NotEmpty(JsonDocument.Parse(output).RootElement[0].GetProperty("features").EnumerateArray());
    }

    [Fact]
    public void A_coder_s_file_brings_a_model_that_is_known_and_no_other()
    {
        _hub.Others[Dino] = new(_hub.Files);
        var sae = Sae(Dino);
        var (code, errors, output) = VerbRun.Of("features", "--sae", sae, "--image", Fixture.Path("imaging/rgb.png"), "--json");
        Assert.True(code == 0, errors);
        Assert.Contains($"trained on: {Dino}", errors, StringComparison.Ordinal);
        Assert.NotEmpty(output);
        (code, errors, _) = VerbRun.Of("features", "--sae", Sae("org/model"), "--image", Fixture.Path("imaging/rgb.png"));
        Assert.Equal(2, code);
        Assert.Contains("say where it is with --model", errors, StringComparison.Ordinal);
        Assert.DoesNotContain(_hub.Asked, asked => asked.Path.Contains("org/model", StringComparison.Ordinal));
    }

    [Fact]
    public void Another_model_than_the_coder_s_is_refused()
    {
        var (code, errors, _) = VerbRun.Of("features", "--sae", Sae(Dino), "--model", DemoWeights.Vit, "--image", Fixture.Path("imaging/rgb.png"));
        Assert.Equal(2, code);
        Assert.Contains("was trained on 'facebook/dino-vitb16'", errors, StringComparison.Ordinal);
    }

    [Fact]
    public void Any_repository_can_be_shown_by_its_settings_alone()
    {
        var (code, errors, output) = VerbRun.Of("models", "show", "org/model", "--json");
        Assert.True(code == 0, errors);
        using var loaded = Models.Load(DemoWeights.Vit);
        Assert.Equal(loaded.ParameterCount, JsonDocument.Parse(output).RootElement.GetProperty("parameters").GetInt64());
        Assert.DoesNotContain(_hub.Asked, asked => asked.Path.EndsWith("model.safetensors", StringComparison.Ordinal));
        Assert.Contains("blocks.0.hook_resid_post", VerbRun.Of("models", "show", "org/model").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Models_lists_and_filters()
    {
        var (code, errors, output) = VerbRun.Of("models", "--json");
        Assert.True(code == 0, errors);
        Assert.Equal(Registry.Default.Models.Count, JsonDocument.Parse(output).RootElement.GetArrayLength());
        (_, _, output) = VerbRun.Of("models", "--family", "vivit", "--search", "KINETICS b-16");
        Assert.Equal(2, output.Trim().Split('\n').Length);
        Assert.Equal(Registry.Default.Models.Count(model => !Models.IsBuilt(model)), VerbRun.Of("models").Output.Split("(not built)").Length - 1);
    }

    [Fact]
    public void Show_tells_places_memory_and_coders_without_weights()
    {
        var (code, errors, output) = VerbRun.Of("models", "show", "openai/clip-vit-base-patch32", "--json");
        Assert.True(code == 0, errors);
        var shown = JsonDocument.Parse(output).RootElement;
        Assert.Equal(151_277_313 * 4L, shown.GetProperty("memory").GetProperty("float32").GetInt64());
        var shapes = shown.GetProperty("sites").EnumerateArray().ToDictionary(site => site.GetProperty("name").GetString()!, site => site.GetProperty("shape").GetString());
        Assert.Equal("[B, 50, 768]", shapes["vision.blocks.11.hook_resid_post"]);
        Assert.Equal("[B, 12, 50, 50]", shapes["vision.blocks.0.attn.hook_pattern"]);
        Assert.Equal("[B, 50, 12, 64]", shapes["vision.blocks.0.attn.hook_z"]);
        Assert.Equal("[B, 49, 768]", shapes["vision.hook_embed"]);
        output = VerbRun.Of("models", "show", "open-clip:laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K").Output;
        Assert.Contains("sae-top_k-64-cls_only-layer_0-hook_resid_post", VerbRun.Of("models", "show", "open-clip:laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", "--all").Output, StringComparison.Ordinal);
        Assert.Contains("this checkpoint itself was never run here", output, StringComparison.Ordinal);
        Assert.Empty(_hub.Asked);
    }

    public void Dispose()
    {
        Set(_before);
        _hub.Dispose();
        _folder.Dispose();
    }

    private static void Set(params string?[] values)
    {
        for (var k = 0; k < s_variables.Length; k++) Environment.SetEnvironmentVariable(s_variables[k], values[k]);
    }

    private static byte[] Renamed(string file, string folder, string model) =>
        System.Text.Encoding.UTF8.GetBytes(File.ReadAllText(Path.Combine(folder, file)).Replace("prisma-net/demo-vit", model, StringComparison.Ordinal));

    private string Sae(string model)
    {
        var folder = Directory.CreateDirectory(_folder[model.Replace('/', '_')]).FullName;
        File.WriteAllBytes(Path.Combine(folder, "config.json"), Renamed("config.json", DemoWeights.Sae, model));
        File.Copy(Path.Combine(DemoWeights.Sae, "weights.pt"), Path.Combine(folder, "weights.pt"), overwrite: true);
        return folder;
    }
}
