using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>What of a VideoMAE's configuration enters the forward pass.</summary>
public sealed record VideoMaeConfig
{
    /// <summary>d_model.</summary>
    public required int Width { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of heads.</summary>
    public required int Heads { get; init; }

    /// <summary>d_mlp.</summary>
    public required int Hidden { get; init; }

    /// <summary>Height and width of a patch in pixels.</summary>
    public required (int Height, int Width) Patch { get; init; }

    /// <summary>Height and width of a frame.</summary>
    public required (int Height, int Width) Image { get; init; }

    /// <summary>Frames of a clip.</summary>
    public required int Frames { get; init; }

    /// <summary>Frames of a tubelet.</summary>
    public required int Tubelet { get; init; }

    /// <summary>Colour channels.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>ε of the blocks' norms.</summary>
    public double Eps { get; init; } = 1e-12;

    /// <summary>Whether queries and values have biases; keys never have.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>Whether the mean of all tokens is read, normalised afterwards; otherwise the first token of the normalised stream.</summary>
    public bool MeanPooling { get; init; } = true;

    /// <summary>ε of the norm of the mean.</summary>
    public double MeanEps { get; init; } = 1e-5;

    /// <summary>Whether a model without a classifier gives out what a classifier would read.</summary>
    public bool Pooled { get; init; }

    /// <summary>Whether what a block writes is multiplied channel by channel.</summary>
    public bool LayerScale { get; init; }

    /// <summary>The largest logarithm of the factor of cosine attention; plain attention where null.</summary>
    public double? CosineLimit { get; init; }

    /// <summary>Whether positions are learned; otherwise a fixed sinusoid table.</summary>
    public bool LearnedPositions { get; init; }

    /// <summary>How the reference lays out a clip.</summary>
    public ClipOrder Order { get; init; } = ClipOrder.FramesFirst;

    /// <summary>Classes of the classifier; 0 where there is none.</summary>
    public int Classes { get; init; }

    /// <summary>Tokens of a clip.</summary>
    public long Tokens => (long)(Frames / Tubelet) * (Image.Height / Patch.Height) * (Image.Width / Patch.Width);
}

/// <summary>
/// VideoMAE in the Hugging Face layout (Tong et al. 2022; <see cref="VideoMaeV2Family"/> reads its successor's own): tubelets, fixed
/// sinusoid positions, pre-norm blocks with erf-GELU and a bias on queries and values only. Of a pre-training checkpoint the encoder is
/// run, on all tokens; its decoder is left out.
/// </summary>
public sealed class VideoMaeFamily : ModelFamily<VideoMaeConfig>
{
    /// <inheritdoc/>
    public override string Name => "videomae";

    /// <inheritdoc/>
    protected override VideoMaeConfig TinyConfig => new()
    {
        Width = 16,
        Layers = 2,
        Heads = 2,
        Hidden = 24,
        Patch = (4, 4),
        Image = (16, 16),
        Frames = 4,
        Tubelet = 2,
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "videomae";

    /// <inheritdoc/>
    protected override VideoMaeConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile))
            .Ignore("decoder_hidden_size", "decoder_intermediate_size", "decoder_num_attention_heads", "decoder_num_hidden_layers");
        json.Require(folder.Architecture is "VideoMAEModel" or "VideoMAEForVideoClassification" or "VideoMAEForPreTraining" or "",
            $"the architecture '{folder.Architecture}' is not built; VideoMAEModel, VideoMAEForVideoClassification and the encoder of VideoMAEForPreTraining are");
        var classifies = folder.Architecture == "VideoMAEForVideoClassification";
        var config = new VideoMaeConfig
        {
            Width = json.Int("hidden_size", 768),
            Layers = json.Int("num_hidden_layers", 12),
            Heads = json.Int("num_attention_heads", 12),
            Hidden = json.Int("intermediate_size", 3072),
            Patch = json.Sides("patch_size", 16),
            Image = json.Sides("image_size", 224),
            Frames = json.Int("num_frames", 16),
            Tubelet = json.Int("tubelet_size", 2),
            Channels = json.Int("num_channels", 3),
            Activation = json.Activation("hidden_act", "gelu"),
            Eps = json.Double("layer_norm_eps", 1e-12),
            QkvBias = json.Bool("qkv_bias", true),
            MeanPooling = json.Bool("use_mean_pooling", true),  // its norm keeps PyTorch's ε, whatever the configuration says
            Classes = VideoConfig.Classes(folder, json, classifies),
        };
        json.Require(config.Tokens > 0, "image_size or num_frames is smaller than one tubelet");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(VideoMaeConfig config) => new VideoMae(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(VideoMaeConfig config, TensorSource source)
    {
        var prefix = source.Names.Any(name => name.StartsWith("videomae.", StringComparison.Ordinal)) ? "videomae." : "";
        var map = new WeightMap().Compute("pos_embed", () => SinusoidTable.Of(config.Tokens, config.Width));
        map.Under("", prefix, body => body
            .Pair("patch", "embeddings.patch_embeddings.projection")
            .PerBlock(config.Layers, "blocks.{i}.", "encoder.layer.{i}.", block =>
            {
                const string Attention = "attention.attention.";
                block.Pair("ln1", "layernorm_before").Pair("ln2", "layernorm_after")
                    .Stack("attn.qkv.weight", Attention + "query.weight", Attention + "key.weight", Attention + "value.weight")
                    .Pair("attn.out", "attention.output.dense").Pair("mlp.in", "intermediate.dense").Pair("mlp.out", "output.dense");
                if (config.QkvBias) block.Stack("attn.qkv.bias", Attention + "q_bias", WeightMap.Zeros, Attention + "v_bias");
            }));
        if (!config.MeanPooling) map.Pair("ln_final", prefix + "layernorm");
        else if (config.Classes > 0) map.Pair("ln_final", "fc_norm");
        if (config.Classes > 0) map.Pair("head", "classifier");
        return map.Ignore("decoder.*", "only masked pre-training reads it").Ignore("encoder_to_decoder.*", "only masked pre-training reads it")
            .Ignore("mask_token", "only masked pre-training reads it");
    }
}

/// <summary>
/// The model of <see cref="VideoMaeFamily"/> and <see cref="VideoMaeV2Family"/>: pixel_values, a clip in the order of the configuration, to
/// logits, or to the last hidden state.
/// </summary>
public sealed class VideoMae : HookedModel, IVideoModel, ILogitReadout
{
    private readonly VideoMaeConfig _config;
    private readonly TubeletEmbed _patch;
    private readonly Weight _pos;
    private readonly HookPoint _posEmbed, _fullEmbed;
    private readonly HookPoint? _lnFinal, _postHead;
    private readonly Block[] _blocks;
    private readonly Norm? _norm;
    private readonly Linear? _head;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public VideoMae(VideoMaeConfig config)
    {
        _config = config;
        _patch = Child("patch", new TubeletEmbed(config.Channels, config.Width, config.Tubelet, config.Patch.Height, config.Patch.Width));
        _pos = Declare("pos_embed", 1, config.Tokens, config.Width);
        _posEmbed = Point(Site.PosEmbed);
        _fullEmbed = Point(Site.FullEmbed);
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => BlockChild($"blocks.{i}", i, new Block(
            new Attention(new AttentionOptions { Width = config.Width, Heads = config.Heads, Bias = config.QkvBias, CosineLimit = config.CosineLimit }),
            new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
            LayerNorm.With(config.Eps),
            new BlockOptions { LayerScale = config.LayerScale })))];
        if (!config.MeanPooling || config.Classes > 0 || config.Pooled)
        {
            _norm = Child("ln_final", new LayerNorm(config.Width, config.MeanPooling ? config.MeanEps : config.Eps, Site.FinalScale, Site.FinalNormalized));
            _lnFinal = Point(Site.LnFinal);
        }
        if (config.Classes == 0) return;
        _head = Child("head", new Linear(config.Width, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    /// <inheritdoc/>
    public int ClipFrames => _config.Frames;

    /// <inheritdoc/>
    public ClipOrder ClipOrder => _config.Order;

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => _config.MeanPooling ? null : 0;

    /// <inheritdoc/>
    public Norm FinalNorm => _norm ?? throw new PrismaException("This VideoMAE encoder ends without a norm, so its stream cannot be decoded. Load a checkpoint with a classifier.");

    /// <inheritdoc/>
    public Linear? Readout => _head;

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
        if (_norm is null || _lnFinal is null) return new ModelOutput().With("last_hidden_state", x);
        if (!_config.MeanPooling) x = _lnFinal.Pass(_norm.Forward(x, run), run);
        if (_head is null && !_config.Pooled) return new ModelOutput().With("last_hidden_state", x);
        // The mean of all tokens stays a token of its own, [B, 1, d], so that the norm's places have their axes.
        var read = (_config.MeanPooling ? _lnFinal.Pass(_norm.Forward(x.mean([1L], keepdim: true), run), run) : x).select(1, 0);
        return _head is null || _postHead is null
            ? new ModelOutput().With("last_hidden_state", x).With("pooler_output", read)
            : new ModelOutput().With("logits", _postHead.Pass(_head.Forward(read), run)).With("last_hidden_state", x);
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step == ProcessingStep.CenterWriting) Processing.Center(_pos);
    }

    private Tensor Clip(ModelInput input) => ClipPixels.ChannelsFirst(input["pixel_values"], "pixel_values", _config.Channels, ClipOrder);

    private Tensor Embed(ModelInput input, HookRun run)
    {
        using var scope = NewDisposeScope();
        var clip = Clip(input);
        ClipPixels.RequireSize(clip, "pixel_values", _config.Frames, _config.Image.Height, _config.Image.Width);
        var tokens = _patch.Forward(clip, run);
        return _fullEmbed.Pass(tokens + _posEmbed.Pass(_pos.Value, run), run).MoveToOuterDisposeScope();
    }
}
