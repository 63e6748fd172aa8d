using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>Which tokens look at which.</summary>
public enum SpaceTimeAttention
{
    /// <summary>Each place along time, then each frame over itself.</summary>
    Divided,
    /// <summary>All tokens at all tokens.</summary>
    Joint,
}

/// <summary>What of a TimeSformer's configuration enters the forward pass.</summary>
public sealed record TimeSformerConfig
{
    /// <summary>d_model.</summary>
    public required int Width { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of heads.</summary>
    public required int Heads { get; init; }

    /// <summary>d_mlp.</summary>
    public required int Hidden { get; init; }

    /// <summary>The side of a patch in pixels.</summary>
    public required int Patch { get; init; }

    /// <summary>The side of a frame.</summary>
    public required int Image { get; init; }

    /// <summary>Frames of a clip.</summary>
    public required int Frames { get; init; }

    /// <summary>Colour channels.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>Which tokens look at which.</summary>
    public SpaceTimeAttention Attention { get; init; }

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-6;

    /// <summary>Whether q, k and v have biases.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>Classes of the classifier; 0 where there is none.</summary>
    public int Classes { get; init; }
}

/// <summary>
/// TimeSformer in the Hugging Face layout (Bertasius et al. 2021) with divided or joint attention: class token, patches of single frames,
/// learned positions in space and in time, space-major tokens. Other frame sizes and counts take the nearest positions, as the reference does.
/// </summary>
public sealed class TimeSformerFamily : ModelFamily<TimeSformerConfig>
{
    /// <inheritdoc/>
    public override string Name => "timesformer";

    /// <inheritdoc/>
    protected override TimeSformerConfig TinyConfig => new()
    {
        Width = 16,
        Layers = 2,
        Heads = 2,
        Hidden = 24,
        Patch = 4,
        Image = 16,
        Frames = 4,
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "timesformer";

    /// <inheritdoc/>
    protected override TimeSformerConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile));
        json.Require(folder.Architecture is "TimesformerModel" or "TimesformerForVideoClassification" or "",
            $"the architecture '{folder.Architecture}' is not built; TimesformerModel and TimesformerForVideoClassification are");
        var attention = json.Text("attention_type", "divided_space_time");
        json.Require(attention is "divided_space_time" or "joint_space_time",
            $"attention_type '{attention}' is not built; divided_space_time and joint_space_time are");
        var config = new TimeSformerConfig
        {
            Width = json.Int("hidden_size", 768),
            Layers = json.Int("num_hidden_layers", 12),
            Heads = json.Int("num_attention_heads", 12),
            Hidden = json.Int("intermediate_size", 3072),
            Patch = json.Side("patch_size", 16),
            Image = json.Side("image_size", 224),
            Frames = json.Int("num_frames", 8),
            Channels = json.Int("num_channels", 3),
            Attention = attention == "joint_space_time" ? SpaceTimeAttention.Joint : SpaceTimeAttention.Divided,
            Activation = json.Activation("hidden_act", "gelu"),
            Eps = json.Double("layer_norm_eps", 1e-6),
            QkvBias = json.Bool("qkv_bias", true),
            Classes = VideoConfig.Classes(folder, json, folder.Architecture == "TimesformerForVideoClassification"),
        };
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(TimeSformerConfig config) => new TimeSformer(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(TimeSformerConfig config, TensorSource source)
    {
        var prefix = source.Names.Any(name => name.StartsWith("timesformer.", StringComparison.Ordinal)) ? "timesformer." : "";
        var map = new WeightMap();
        map.Under("", prefix, body => body
            .Copy("cls_token", "embeddings.cls_token")
            .Copy("pos_embed", "embeddings.position_embeddings")
            .Copy("time_embed", "embeddings.time_embeddings")
            .Pair("patch", "embeddings.patch_embeddings.projection")
            .Pair("ln_final", "layernorm")
            .PerBlock(config.Layers, "blocks.{i}.", "encoder.layer.{i}.", block => Block(block, config)));
        return config.Classes > 0 ? map.Pair("head", "classifier") : map;
    }

    private static void Block(WeightMap block, TimeSformerConfig config)
    {
        block.Pair("ln1", "layernorm_before").Pair("ln2", "layernorm_after").Pair("mlp.in", "intermediate.dense").Pair("mlp.out", "output.dense");
        Attention(block, "attn", "attention", config);
        if (config.Attention == SpaceTimeAttention.Joint) return;
        block.Pair("temporal_ln", "temporal_layernorm").Pair("temporal_dense", "temporal_dense");
        Attention(block, "temporal_attn", "temporal_attention", config);
    }

    private static void Attention(WeightMap block, string to, string from, TimeSformerConfig config)
    {
        block.Copy(to + ".qkv.weight", from + ".attention.qkv.weight").Pair(to + ".out", from + ".output.dense");
        if (config.QkvBias) block.Copy(to + ".qkv.bias", from + ".attention.qkv.bias");
    }
}

/// <summary>The model of <see cref="TimeSformerFamily"/>: pixel_values [B, T, C, H, W] to logits, or to the last hidden state [B, 1 + N·T, d].</summary>
public sealed class TimeSformer : HookedModel, IVideoModel, ILogitReadout
{
    private readonly TimeSformerConfig _config;
    private readonly PatchEmbed _patch;
    private readonly Weight _cls, _pos, _time;
    private readonly HookPoint _posEmbed, _fullEmbed, _lnFinal;
    private readonly HookPoint? _postHead;
    private readonly DividedBlock[] _divided = [];
    private readonly Block[] _joint = [];
    private readonly LayerNorm _norm;
    private readonly Linear? _head;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public TimeSformer(TimeSformerConfig config)
    {
        _config = config;
        _patch = Child("patch", new PatchEmbed(config.Channels, config.Width, config.Patch));
        _cls = Declare("cls_token", 1, 1, config.Width);
        var side = config.Image / config.Patch;
        _pos = Declare("pos_embed", 1, 1 + side * side, config.Width);
        _time = Declare("time_embed", 1, config.Frames, config.Width);
        _posEmbed = Point(Site.PosEmbed);
        _fullEmbed = Point(Site.FullEmbed);
        var attention = new AttentionOptions { Width = config.Width, Heads = config.Heads, Bias = config.QkvBias };
        Mlp Mlp() => new(config.Width, config.Hidden, Activation.Named(config.Activation));
        if (config.Attention == SpaceTimeAttention.Divided)
            _divided = [.. Enumerable.Range(0, config.Layers).Select(i => BlockChild($"blocks.{i}", i, new DividedBlock(attention, Mlp(), config.Eps)))];
        else
            _joint = [.. Enumerable.Range(0, config.Layers).Select(i => BlockChild($"blocks.{i}", i, new Block(new Attention(attention), Mlp(), LayerNorm.With(config.Eps))))];
        _norm = Child("ln_final", new LayerNorm(config.Width, config.Eps, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
        if (config.Classes == 0) return;
        _head = Child("head", new Linear(config.Width, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    /// <inheritdoc/>
    public int ClipFrames => _config.Frames;

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => 0;

    /// <inheritdoc/>
    public Norm FinalNorm => _norm;

    /// <inheritdoc/>
    public Linear? Readout => _head;

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input)
    {
        using var clip = Clip(input);
        var shape = clip.shape;
        return new TokenLayout(1, (int)shape[2], (int)(shape[3] / _config.Patch), (int)(shape[4] / _config.Patch), _config.Patch, _config.Patch, 1, TokenOrder.SpaceMajor);
    }

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        using var clip = Clip(input);
        var frames = clip.shape[2];
        var x = Embed(clip, run);
        foreach (var block in _divided) x = block.Forward(x, frames, run);
        foreach (var block in _joint) x = block.Forward(x, run);
        x = _lnFinal.Pass(_norm.Forward(x, run), run);
        if (_head is null || _postHead is null) return new ModelOutput().With("last_hidden_state", x);
        return new ModelOutput().With("logits", _postHead.Pass(_head.Forward(x.select(1, 0)), run)).With("last_hidden_state", x);
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step != ProcessingStep.CenterWriting) return;
        Processing.Center(_pos);
        Processing.Center(_time);
    }

    private Tensor Clip(ModelInput input) => ClipPixels.ChannelsFirst(input["pixel_values"], "pixel_values", _config.Channels, ClipOrder.FramesFirst);

    // Patches of single frames [B·T, N, d] become tokens with places outside and time steps inside: [B, 1 + N·T, d].
    private Tensor Embed(Tensor clip, HookRun run)
    {
        using var scope = NewDisposeScope();
        var (batch, frames, width) = (clip.shape[0], clip.shape[2], (long)_config.Width);
        var perFrame = _patch.Forward(clip.transpose(1, 2).reshape(batch * frames, clip.shape[1], clip.shape[3], clip.shape[4]), run);
        var places = perFrame.shape[1];
        var (cls, space) = SpacePositions(clip.shape[3] / _config.Patch, clip.shape[4] / _config.Patch);
        var positions = _posEmbed.Pass(cat([cls, (space.unsqueeze(2) + TimePositions(frames).unsqueeze(1)).view(1, places * frames, width)], 1), run);
        var patches = perFrame.view(batch, frames, places, width).transpose(1, 2).reshape(batch, places * frames, width);
        var tokens = cat([_cls.Value.expand(batch, 1, width), patches], 1);
        return _fullEmbed.Pass(tokens + positions, run).MoveToOuterDisposeScope();
    }

    // The class token's position [1, 1, d] and those of the places [1, N, d], the nearest ones where the frame has another size.
    private (Tensor Cls, Tensor Places) SpacePositions(long rows, long columns)
    {
        var places = _pos.Shape[1] - 1;
        var (cls, own) = (_pos.Value.narrow(1, 0, 1), _pos.Value.narrow(1, 1, places));
        // The reference compares numbers of patches, not sides.
        if (places == rows * columns) return (cls, own);
        var side = _config.Image / _config.Patch;
        var grid = own.transpose(1, 2).reshape(1, _config.Width, side, side);
        return (cls, nn.functional.interpolate(grid, size: [rows, columns], mode: InterpolationMode.Nearest).flatten(2).transpose(1, 2));
    }

    // [1, T, d]
    private Tensor TimePositions(long frames) => frames == _config.Frames
        ? _time.Value
        : nn.functional.interpolate(_time.Value.transpose(1, 2).unsqueeze(-1), size: [frames, 1], mode: InterpolationMode.Nearest).squeeze(-1).transpose(1, 2);
}
