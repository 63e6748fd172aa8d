using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>What a ViViT has on top.</summary>
public enum VivitHead
{
    /// <summary>Nothing: the normalised stream is the output.</summary>
    None,
    /// <summary>tanh of a dense layer on the class token.</summary>
    Pooler,
    /// <summary>A linear classifier on the class token.</summary>
    Classifier,
}

/// <summary>What of a ViViT's configuration enters the forward pass, of the joint model and of the factorised one.</summary>
public sealed record VivitConfig
{
    /// <summary>d_model.</summary>
    public required int Width { get; init; }

    /// <summary>The number of blocks; of a factorised model those of the encoder of single time steps.</summary>
    public required int Layers { get; init; }

    /// <summary>Blocks of a factorised model's encoder over time; 0 where one encoder reads space and time together.</summary>
    public int TemporalLayers { get; init; }

    /// <summary>The number of heads.</summary>
    public required int Heads { get; init; }

    /// <summary>d_mlp.</summary>
    public required int Hidden { get; init; }

    /// <summary>Frames, height and width of a tubelet.</summary>
    public required IReadOnlyList<int> Tubelet { get; init; }

    /// <summary>The side of a frame.</summary>
    public required int Image { get; init; }

    /// <summary>Frames of a clip.</summary>
    public required int Frames { get; init; }

    /// <summary>Colour channels.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu_fast";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-6;

    /// <summary>Whether q, k and v have biases.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>What sits on the final norm.</summary>
    public VivitHead Head { get; init; }

    /// <summary>Classes of the classifier; 0 where there is none.</summary>
    public int Classes { get; init; }

    internal int Steps => Frames / Tubelet[0];

    internal int Patches => Image / Tubelet[1] * (Image / Tubelet[2]);

    internal long Tokens => (long)Steps * Patches;

    /// <summary>The sizes that both models have, under the keys of Hugging Face.</summary>
    internal static VivitConfig Sizes(ConfigReader json, ModelFolder folder, bool classifies)
    {
        var tubelet = json.Ints("tubelet_size", [2, 16, 16]);
        json.Require(tubelet.Count == 3, "tubelet_size is no list of three numbers: frames, height and width").Check();
        var config = new VivitConfig
        {
            Width = json.Int("hidden_size", 768),
            Layers = json.Int("num_hidden_layers", 12),
            Heads = json.Int("num_attention_heads", 12),
            Hidden = json.Int("intermediate_size", 3072),
            Tubelet = tubelet,
            Image = json.Side("image_size", 224),
            Frames = json.Int("num_frames", 32),
            Channels = json.Int("num_channels", 3),
            Head = classifies ? VivitHead.Classifier : VivitHead.None,
            Classes = VideoConfig.Classes(folder, json, classifies),
        };
        json.Require(config.Tokens > 0, "image_size or num_frames is smaller than one tubelet");
        return config;
    }
}

/// <summary>
/// ViViT with joint attention over space and time in the Hugging Face layout (Arnab et al. 2021, model 1; the only one that Hugging Face
/// stores): class token, tubelets, learned positions, pre-norm blocks with tanh-GELU.
/// </summary>
public sealed class VivitFamily : ModelFamily<VivitConfig>
{
    /// <inheritdoc/>
    public override string Name => "vivit";

    /// <inheritdoc/>
    protected override VivitConfig TinyConfig => new()
    {
        Width = 16,
        Layers = 2,
        Heads = 2,
        Hidden = 24,
        Tubelet = [2, 4, 4],
        Image = 16,
        Frames = 4,
        Head = VivitHead.Classifier,
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "vivit";

    /// <inheritdoc/>
    protected override VivitConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("video_size");
        json.Require(folder.Architecture is "VivitModel" or "VivitForVideoClassification" or "",
            $"the architecture '{folder.Architecture}' is not built; VivitModel and VivitForVideoClassification are");
        var classifies = folder.Architecture == "VivitForVideoClassification";
        var config = VivitConfig.Sizes(json, folder, classifies) with
        {
            Activation = json.Activation("hidden_act", "gelu_fast"),
            Eps = json.Double("layer_norm_eps", 1e-6),
            QkvBias = json.Bool("qkv_bias", true),
        };
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(VivitConfig config) => new Vivit(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(VivitConfig config, TensorSource source)
    {
        var prefix = source.Names.Any(name => name.StartsWith("vivit.", StringComparison.Ordinal)) ? "vivit." : "";
        var map = new WeightMap();
        map.Under("", prefix, body => body
            .Copy("cls_token", "embeddings.cls_token")
            .Copy("pos_embed", "embeddings.position_embeddings")
            .Pair("patch", "embeddings.patch_embeddings.projection")
            .Pair("ln_final", "layernorm")
            .PerBlock(config.Layers, "blocks.{i}.", "encoder.layer.{i}.", block =>
            {
                const string Attention = "attention.attention.";
                block.Pair("ln1", "layernorm_before").Pair("ln2", "layernorm_after")
                    .Stack("attn.qkv.weight", Attention + "query.weight", Attention + "key.weight", Attention + "value.weight")
                    .Pair("attn.out", "attention.output.dense").Pair("mlp.in", "intermediate.dense").Pair("mlp.out", "output.dense");
                if (config.QkvBias) block.Stack("attn.qkv.bias", Attention + "query.bias", Attention + "key.bias", Attention + "value.bias");
            }));
        if (config.Head == VivitHead.Pooler) map.Pair("head", prefix + "pooler.dense");
        if (config.Head == VivitHead.Classifier) map.Pair("head", "classifier").Ignore(prefix + "pooler.*", "the classifier reads the class token itself");
        return map;
    }

    /// <inheritdoc/>
    protected override VivitConfig Settle(VivitConfig config, TensorSource source) =>
        config.Head == VivitHead.None && source.Names.Any(name => name.EndsWith("pooler.dense.weight", StringComparison.Ordinal))
            ? config with { Head = VivitHead.Pooler }
            : config;
}

/// <summary>The model of <see cref="VivitFamily"/>: pixel_values [B, T, C, H, W] to logits, or to the last hidden state.</summary>
public sealed class Vivit : HookedModel, IVideoModel, ILogitReadout
{
    private readonly VivitConfig _config;
    private readonly TubeletEmbed _patch;
    private readonly Weight _cls, _pos;
    private readonly HookPoint _posEmbed, _fullEmbed, _lnFinal;
    private readonly HookPoint? _postHead;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly Linear? _head;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public Vivit(VivitConfig config)
    {
        _config = config;
        _patch = Child("patch", new TubeletEmbed(config.Channels, config.Width, config.Tubelet[0], config.Tubelet[1], config.Tubelet[2]));
        _cls = Declare("cls_token", 1, 1, config.Width);
        _pos = Declare("pos_embed", 1, 1 + config.Tokens, config.Width);
        _posEmbed = Point(Site.PosEmbed);
        _fullEmbed = Point(Site.FullEmbed);
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => BlockChild($"blocks.{i}", i, new Block(
            new Attention(new AttentionOptions { Width = config.Width, Heads = config.Heads, Bias = config.QkvBias }),
            new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
            LayerNorm.With(config.Eps))))];
        _norm = Child("ln_final", new LayerNorm(config.Width, config.Eps, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
        if (config.Head == VivitHead.None) return;
        _head = Child("head", new Linear(config.Width, config.Head == VivitHead.Pooler ? config.Width : config.Classes));
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
    public Linear? Readout => _config.Head == VivitHead.Classifier ? _head : null;

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input)
    {
        using var clip = Clip(input);
        return _patch.LayoutOf(clip, prefix: 1);
    }

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = Embed(input, run);
        foreach (var block in _blocks) x = block.Forward(x, run);
        x = _lnFinal.Pass(_norm.Forward(x, run), run);
        if (_head is null || _postHead is null) return new ModelOutput().With("last_hidden_state", x);
        var read = _postHead.Pass(_head.Forward(x.select(1, 0)), run);
        return _config.Head == VivitHead.Classifier
            ? new ModelOutput().With("logits", read).With("last_hidden_state", x)
            : new ModelOutput().With("last_hidden_state", x).With("pooler_output", read.tanh());
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step == ProcessingStep.CenterWriting) Processing.Center(_pos);
    }

    private Tensor Clip(ModelInput input) => ClipPixels.ChannelsFirst(input["pixel_values"], "pixel_values", _config.Channels, ClipOrder.FramesFirst);

    private Tensor Embed(ModelInput input, HookRun run)
    {
        using var scope = NewDisposeScope();
        var clip = Clip(input);
        ClipPixels.RequireSize(clip, "pixel_values", _config.Frames, _config.Image, _config.Image);
        var tokens = cat([_cls.Value.expand(clip.shape[0], 1, _config.Width), _patch.Forward(clip, run)], 1);
        return _fullEmbed.Pass(tokens + _posEmbed.Pass(_pos.Value, run), run).MoveToOuterDisposeScope();
    }
}
