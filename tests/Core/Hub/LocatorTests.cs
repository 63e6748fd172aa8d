using Prisma.Core;

namespace Prisma.Tests.Hub;

/// <summary>What a name means: a path that is there, a known name, the cache, the hub, in this order.</summary>
public sealed class LocatorTests : IDisposable
{
    private readonly TempFolder _folder = new();
    private readonly FakeHub _hub = new();

    public LocatorTests()
    {
        _hub.Files["config.json"] = "{}"u8.ToArray();
        _hub.Files["preprocessor_config.json"] = "{}"u8.ToArray();
        _hub.Files["model.safetensors"] = [1, 2];
        _hub.Files["open_clip_model.safetensors"] = [3];
        _hub.Files["pytorch_model.bin"] = [4];
        _hub.Others["org/saes"] = new(StringComparer.Ordinal)
        {
            ["README.md"] = [1],
            ["layer_0/a/params.npz"] = [5],
            ["layer_0/b/params.npz"] = [6],
            ["layer_1/a/params.npz"] = [7],
            ["layer_1/a/cfg.json"] = "{}"u8.ToArray(),
            ["flat/layer_0.safetensors"] = [8],
            ["flat/layer_1.safetensors"] = [9],
            ["flat/config.yaml"] = [10],
        };
    }

    [Fact]
    public void What_is_there_wins()
    {
        Directory.CreateDirectory(_folder["org/model"]);
        Assert.Equal(_folder["org/model"], Locate().Model(_folder["org/model"]));
        Assert.Equal(Fixture.Path("imaging/rgb.png"), Locate().Coder(Fixture.Path("imaging/rgb.png")));
        Assert.Empty(_hub.Asked);
    }

    [Fact]
    public void A_model_is_fetched_once_and_found_offline()
    {
        var folder = Locate().Model("org/model");
        Assert.Equal(["config.json", "model.safetensors", "preprocessor_config.json"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal("org/model", ModelFolder.Open(folder).Name);
        var asked = _hub.Asked.Count;
        Assert.Equal(folder, Locate().Model("org/model"));
        Assert.Equal(folder, Locate(offline: true).Model("org/model"));
        Assert.Equal(asked, _hub.Asked.Count);
    }

    [Fact]
    public void Settings_come_without_weights_and_weights_later()
    {
        var folder = Locate().Model("org/model", ModelNeeds.Settings);
        Assert.False(File.Exists(Path.Combine(folder, "model.safetensors")));
        Assert.Contains("HF_HUB_OFFLINE", Assert.Throws<HubException>(() => Locate(offline: true).Model("org/model")).Message, StringComparison.Ordinal);
        Assert.Equal(folder, Locate().Model("org/model"));
        Assert.True(File.Exists(Path.Combine(folder, "model.safetensors")));
    }

    [Fact]
    public void A_known_model_comes_in_its_own_layout()
    {
        _hub.Others["laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K"] = new(_hub.Files) { ["open_clip_config.json"] = "{}"u8.ToArray() };
        var folder = Locate().Model("open-clip:laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K");
        Assert.True(File.Exists(Path.Combine(folder, "open_clip_model.safetensors")));
        Assert.False(File.Exists(Path.Combine(folder, "model.safetensors")));
        Assert.Equal("open_clip_config.json", ModelFolder.Open(folder).ConfigFile);
    }

    [Theory]
    [InlineData("org/saes/layer_0/a", "layer_0/a/params.npz")]
    [InlineData("org/saes/layer_1", "layer_1/a/cfg.json,layer_1/a/params.npz")]
    [InlineData("org/saes/flat/layer_1.safetensors", "flat/config.yaml,flat/layer_1.safetensors")]
    public void A_coder_comes_with_what_belongs_to_it(string name, string files)
    {
        var found = Locate().Coder(name);
        var root = Path.Combine(_folder["cache"], "models--org--saes", "snapshots", FakeHub.Commit);
        Assert.Equal(Path.Combine(root, name["org/saes/".Length..]), found);
        Assert.Equal(files.Split(','), Directory.GetFiles(root, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(root, file)).Order(StringComparer.Ordinal));
        Assert.Equal(found, Locate(offline: true).Coder(name));
    }

    [Theory]
    [InlineData("org/saes", "holds 5 files of weights")]
    [InlineData("org/saes/layer_9", "no file that fits 'layer_9'")]
    [InlineData("org/none", "There is no org/none")]
    public void A_coder_that_is_not_clear_is_refused(string name, string sentence) =>
        Assert.Contains(sentence, Assert.Throws<HubException>(() => Locate().Coder(name)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("vit-base")]
    [InlineData("/nowhere/model")]
    [InlineData("./org/model")]
    [InlineData("~/model")]
    [InlineData("org/model/more")]
    [InlineData("")]
    public void A_mistyped_path_is_no_question_to_the_hub(string name)
    {
        Assert.Contains("There is no file or folder", Assert.Throws<CheckpointException>(() => Locate().Model(name)).Message, StringComparison.Ordinal);
        Assert.Empty(_hub.Asked);
    }

    [Fact]
    public void What_is_not_on_the_hub_says_where_it_is()
    {
        Assert.Contains("github.com/facebookresearch/jepa", Assert.Throws<CheckpointException>(() => Locate().Model("vjepa_v1_vit_huge")).Message, StringComparison.Ordinal);
        Assert.Contains("github.com/surkovv/sdxl-unbox", Assert.Throws<CheckpointException>(() => Locate().Coder("sdxl-unbox/mid.0")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_registered_model_is_of_a_family_that_is_built() =>
        Assert.All(Registry.Default.Models, model => Assert.True(Prisma.Models.IsBuilt(model), model.Name));

    public void Dispose()
    {
        _hub.Dispose();
        _folder.Dispose();
    }

    private Locator Locate(bool offline = false) => new(_hub.Options(_folder["cache"]) with { Offline = offline });
}
