using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Tests.Samples;

/// <summary>
/// What a user with an odd model writes: a family file of one's own, outside the product. The checkpoint has timm's names with layer
/// scale, no class token, an empty register token, and a classifier on the normalised mean of the patch tokens.
/// </summary>
public sealed record NanoVitConfig(int Width, int Layers, int Heads, int Hidden, int Patch, int Image, int Classes);

public sealed class NanoVitFamily : ModelFamily<NanoVitConfig>
{
    public override string Name => "nanovit";

    protected override NanoVitConfig TinyConfig => new(16, 2, 2, 24, 4, 16, 5);

    public override bool Claims(ModelFolder folder) =>
        folder.Config.TryGetProperty("architecture", out var name) && name.GetString() == "nanovit";

    protected override NanoVitConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, folder.ConfigFile);
        var config = new NanoVitConfig(json.Int("width"), json.Int("layers"), json.Int("heads"), json.Int("hidden"), json.Int("patch"), json.Int("image"), json.Int("classes"));
        json.Finish();
        return config;
    }

    protected override HookedModel Build(NanoVitConfig config) => new NanoVit(config);

    protected override WeightMap Weights(NanoVitConfig config, TensorSource source) => new WeightMap()
        .Copy("pos_embed", "pos_embed").Pair("patch", "patch_embed.proj").Pair("norm", "fc_norm").Pair("head", "head")
        .Ignore("reg_token", "it has no elements")
        .PerBlock(config.Layers, "blocks.{i}.", "blocks.{i}.", block => block
            .Pair("ln1", "norm1").Pair("ln2", "norm2").Copy("ls1", "ls1.gamma").Copy("ls2", "ls2.gamma")
            .Pair("attn.qkv", "attn.qkv").Pair("attn.out", "attn.proj").Pair("mlp.in", "mlp.fc1").Pair("mlp.out", "mlp.fc2"));
}

public sealed class NanoVit : HookedModel
{
    private readonly PatchEmbed _patch;
    private readonly Weight _pos;
    private readonly HookPoint _fullEmbed, _lnFinal, _postHead;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly Linear _head;

    public NanoVit(NanoVitConfig config, string activation = "gelu")
    {
        var side = config.Image / config.Patch;
        _patch = Child("patch", new PatchEmbed(3, config.Width, config.Patch));
        _pos = Declare("pos_embed", 1, side * side, config.Width);
        _fullEmbed = Point(Site.FullEmbed);
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => BlockChild($"blocks.{i}", i, new Block(
            new Attention(new AttentionOptions { Width = config.Width, Heads = config.Heads }), new Mlp(config.Width, config.Hidden, Activation.Named(activation)), LayerNorm.With(1e-5), new BlockOptions { LayerScale = true })))];
        _norm = Child("norm", new LayerNorm(config.Width, 1e-5, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
        _head = Child("head", new Linear(config.Width, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    protected override TokenLayout? Layout(ModelInput input) => _patch.LayoutOf(input["pixel_values"], prefix: 0);

    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = _fullEmbed.Pass(_patch.Forward(input["pixel_values"], run) + _pos.Value, run);
        foreach (var block in _blocks) x = block.Forward(x, run);
        var pooled = _lnFinal.Pass(_norm.Forward(x.mean([1], keepdim: true), run), run);
        return new ModelOutput().With("logits", _postHead.Pass(_head.Forward(pooled.squeeze(1)), run));
    }
}
