using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>What of a ViT-Prisma V-JEPA configuration enters the forward pass.</summary>
public sealed record PrismaVJepaConfig
{
    /// <summary>The blocks.</summary>
    public required VJepaStack Stack { get; init; }

    /// <summary>The side of a patch in pixels.</summary>
    public required int Patch { get; init; }

    /// <summary>The side of a frame.</summary>
    public required int Image { get; init; }

    /// <summary>Frames of a clip; a still picture is repeated so often.</summary>
    public required int Frames { get; init; }

    /// <summary>Frames of a tubelet.</summary>
    public required int Tubelet { get; init; }

    /// <summary>Colour channels.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-6;

    /// <summary>Whether q, k and v have biases.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>Whether queries and keys are turned by their place; otherwise a position table is added.</summary>
    public bool Rotary { get; init; }

    /// <summary>Whether tokens see only themselves and those before.</summary>
    public bool Causal { get; init; }

    /// <summary>Whether the MLPs are gated by SiLU; <see cref="VJepaStack.Hidden"/> is then the gate's width.</summary>
    public bool Gated { get; init; }

    internal long Tokens => (long)(Frames / Tubelet) * (Image / Patch) * (Image / Patch);
}

/// <summary>
/// The V-JEPA encoder in ViT-Prisma's layout (Bardes et al. 2024): clips as [B, C, T, H, W], no class token, a stored position table or
/// turned queries and keys. Clips of other sizes take trilinearly resampled positions; a still picture is repeated to a clip.
/// </summary>
public sealed class PrismaVJepaFamily : ModelFamily<PrismaVJepaConfig>
{
    /// <inheritdoc/>
    public override string Name => "vjepa";

    /// <inheritdoc/>
    protected override PrismaVJepaConfig TinyConfig => new()
    {
        Stack = new VJepaStack(16, 2, 2, 24),
        Patch = 4,
        Image = 16,
        Frames = 4,
        Tubelet = 2,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "vjepa_vision_model";

    /// <inheritdoc/>
    protected override PrismaVJepaConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("image_size", "img_height", "img_width", "num_frames");
        json.Require(folder.Architecture is "VJEPAModel" or "", $"the architecture '{folder.Architecture}' is not built; VJEPAModel is");
        var fused = json.Bool("use_sdpa", false);
        json.Require(fused, "use_sdpa is false: the layout with a second output projection is not built; use_sdpa true is");
        var width = json.Int("hidden_size");
        var hidden = (int)(width * json.Double("mlp_ratio", 4));
        var (gated, wide) = (json.Bool("use_SiLU", false), json.Bool("wide_SiLU", true));
        var config = new PrismaVJepaConfig
        {
            Stack = new VJepaStack(width, json.Int("num_hidden_layers", 12), json.Int("num_attention_heads", 12),
                gated && wide ? (hidden * 2 / 3 + 7) / 8 * 8 : hidden),
            Patch = json.Int("patch_size", 16),
            Image = json.Int("crop_size", 224),
            Frames = json.Int("frames_per_clip", 16),
            Tubelet = json.Int("tubelet_size", 2),
            Channels = json.Int("in_chans", 3),
            Activation = json.Activation("hidden_act", "gelu"),
            Eps = json.Double("layer_norm_eps", 1e-6),
            QkvBias = json.Bool("qkv_bias", true),
            Rotary = json.Bool("use_rope", false),
            Causal = json.Bool("is_causal", false),
            Gated = gated,
        };
        json.Require(config.Frames > 1, "frames_per_clip is 1: the reference runs such a model on nothing");
        json.Require(config.Tokens > 0, "crop_size or frames_per_clip is smaller than one tubelet");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(PrismaVJepaConfig config) => new PrismaVJepa(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(PrismaVJepaConfig config, TensorSource source)
    {
        var map = new WeightMap().Pair("patch", "embeddings.patch_embeddings.proj").Pair("ln_final", "layernorm");
        if (config.Rotary) map.Ignore("embeddings.position_embeddings", "queries and keys are turned instead");
        else map.Copy("pos_embed", "embeddings.position_embeddings");
        return map.PerBlock(config.Stack.Layers, "blocks.{i}.", "encoder.layer.{i}.", block =>
            VJepaBlocks.Weights(block, config.QkvBias, config.Gated ? ("mlp.weights_in", "mlp.weights_out") : ("mlp.fc1", "mlp.fc2")));
    }
}

/// <summary>The model of <see cref="PrismaVJepaFamily"/>: pixel_values [B, C, T, H, W] or pictures [B, C, H, W] to the last hidden state.</summary>
public sealed class PrismaVJepa : HookedModel, IVideoModel
{
    private readonly PrismaVJepaConfig _config;
    private readonly TubeletEmbed _patch;
    private readonly Weight? _pos;
    private readonly HookPoint? _posEmbed;
    private readonly HookPoint _fullEmbed, _lnFinal, _postHead;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public PrismaVJepa(PrismaVJepaConfig config)
    {
        _config = config;
        _patch = Child("patch", new TubeletEmbed(config.Channels, config.Stack.Width, config.Tubelet, config.Patch, config.Patch));
        if (!config.Rotary)
        {
            _pos = Declare("pos_embed", 1, config.Tokens, config.Stack.Width);
            _posEmbed = Point(Site.PosEmbed);
        }
        _fullEmbed = Point(Site.FullEmbed);
        _blocks = [.. Enumerable.Range(0, config.Stack.Layers).Select(i => BlockChild($"blocks.{i}", i, Block(config)))];
        _norm = Child("ln_final", new LayerNorm(config.Stack.Width, config.Eps, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    /// <inheritdoc/>
    public int ClipFrames => _config.Frames;

    /// <inheritdoc/>
    public ClipOrder ClipOrder => ClipOrder.ChannelsFirst;

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input)
    {
        using var clip = Clip(input);
        return _patch.LayoutOf(clip, prefix: 0);
    }

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = Embed(input, run);
        foreach (var block in _blocks) x = block.Forward(x, run);
        x = _lnFinal.Pass(_norm.Forward(x, run), run);
        // ViT-Prisma's HookedViT returns the first token of these weights, through a head that changes nothing.
        return new ModelOutput().With("last_hidden_state", x).With("hooked.output", _postHead.Pass(x.select(1, 0), run));
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step == ProcessingStep.CenterWriting && _pos is not null) Processing.Center(_pos);
    }

    private static Block Block(PrismaVJepaConfig config)
    {
        var (width, heads, hidden) = (config.Stack.Width, config.Stack.Heads, config.Stack.Hidden);
        var attention = new AttentionOptions
        {
            Width = width,
            Heads = heads,
            Bias = config.QkvBias,
            Causal = config.Causal,
            Rotary = config.Rotary ? new TubeletRotary(width / heads, config.Image / config.Patch) : null,
        };
        FeedForward mlp = config.Gated
            ? new GatedMlp(width, hidden, Activation.Named("silu"), bias: true)
            : new Mlp(width, hidden, Activation.Named(config.Activation));
        return new Block(new Attention(attention), mlp, LayerNorm.With(config.Eps));
    }

    private Tensor Clip(ModelInput input)
    {
        using var scope = NewDisposeScope();
        var pixels = input["pixel_values"];
        if (pixels.ndim == 4) pixels = pixels.unsqueeze(2).repeat(1, 1, _config.Frames, 1, 1);
        return ClipPixels.ChannelsFirst(pixels, "pixel_values", _config.Channels, ClipOrder).MoveToOuterDisposeScope();
    }

    private Tensor Embed(ModelInput input, HookRun run)
    {
        using var scope = NewDisposeScope();
        var clip = Clip(input);
        var x = _patch.Forward(clip, run);
        if (_pos is not null && _posEmbed is not null) x = x + _posEmbed.Pass(Positions(clip), run);
        return _fullEmbed.Pass(x, run).MoveToOuterDisposeScope();
    }

    // [1, N, d], resampled where the clip is of another size.
    private Tensor Positions(Tensor clip)
    {
        var table = _pos!.Value;
        var shape = clip.shape;
        if (shape[2] == _config.Frames && shape[3] == _config.Image && shape[4] == _config.Image) return table;
        var (steps, side, width) = (_config.Frames / _config.Tubelet, _config.Image / _config.Patch, _config.Stack.Width);
        var layout = _patch.LayoutOf(clip, 0);
        var grid = table.view(1, steps, side, side, width).permute(0, 4, 1, 2, 3);
        var resampled = nn.functional.interpolate(grid, size: [layout.Frames, layout.Rows, layout.Columns], mode: InterpolationMode.Trilinear, align_corners: false);
        return resampled.permute(0, 2, 3, 4, 1).reshape(1, -1, width);
    }
}
