using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>What of a Hugging Face ViT's configuration enters the forward pass.</summary>
public sealed record VitConfig
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

    /// <summary>The side of the picture that the positions were trained on.</summary>
    public required int Image { get; init; }

    /// <summary>Colour channels.</summary>
    public int Channels { get; init; } = 3;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-12;

    /// <summary>Whether q, k and v have biases.</summary>
    public bool QkvBias { get; init; } = true;

    /// <summary>What sits on the final norm.</summary>
    public VitHead Head { get; init; }

    /// <summary>Classes of the classifier; 0 where there is none.</summary>
    public int Classes { get; init; }
}

/// <summary>What a ViT has on top.</summary>
public enum VitHead
{
    /// <summary>Nothing: the normalised stream is the output.</summary>
    None,
    /// <summary>tanh of a dense layer on the class token.</summary>
    Pooler,
    /// <summary>A linear classifier on the class token.</summary>
    Classifier,
}

/// <summary>
/// ViT in the Hugging Face layout: ViTModel, ViTForImageClassification (Dosovitskiy et al. 2020; DINO's ViTs are stored so too).
/// Class token, learned positions, pre-norm blocks with erf-GELU. Other picture sizes interpolate the positions bicubically without
/// antialiasing, as the reference does.
/// </summary>
public sealed class VitFamily : ModelFamily<VitConfig>
{
    /// <inheritdoc/>
    public override string Name => "vit";

    /// <inheritdoc/>
    protected override VitConfig TinyConfig => new()
    {
        Width = 16,
        Layers = 2,
        Heads = 2,
        Hidden = 24,
        Patch = 4,
        Image = 16,
        Head = VitHead.Classifier,
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "vit";

    /// <inheritdoc/>
    protected override VitConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("encoder_stride", "pooler_output_size");
        var classifies = folder.Architecture == "ViTForImageClassification";
        json.Require(folder.Architecture is "ViTModel" or "ViTForImageClassification" or "",
            $"the architecture '{folder.Architecture}' is not built; ViTModel and ViTForImageClassification are");
        json.Require(json.Text("pooler_act", "tanh") == "tanh", "only a tanh pooler is built");
        var config = new VitConfig
        {
            Width = json.Int("hidden_size", 768),
            Layers = json.Int("num_hidden_layers", 12),
            Heads = json.Int("num_attention_heads", 12),
            Hidden = json.Int("intermediate_size", 3072),
            Patch = json.Side("patch_size", 16),
            Image = json.Side("image_size", 224),
            Channels = json.Int("num_channels", 3),
            Activation = json.Text("hidden_act", "gelu"),
            Eps = json.Double("layer_norm_eps", 1e-12),
            QkvBias = json.Bool("qkv_bias", true),
            Head = classifies ? VitHead.Classifier : VitHead.None,
            Classes = classifies ? Math.Max(folder.Labels().Count, json.AnyInt("num_labels", 0)) : 0,
        };
        if (classifies && config.Classes == 0) config = config with { Classes = 2 };  // the reference's default number of labels
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(VitConfig config) => new Vit(config);

    // ViTModel saves its names bare, the classifier under "vit."; a pooler is there or not, whatever the configuration says.
    /// <inheritdoc/>
    protected override WeightMap Weights(VitConfig config, TensorSource source)
    {
        var prefix = source.Names.Any(name => name.StartsWith("vit.", StringComparison.Ordinal)) ? "vit." : "";
        var map = new WeightMap();
        map.Under("", prefix, body => body
            .Copy("cls_token", "embeddings.cls_token")
            .Copy("pos_embed", "embeddings.position_embeddings")
            .Pair("patch", "embeddings.patch_embeddings.projection")
            .Pair("ln_final", "layernorm")
            .Ignore("embeddings.mask_token", "only masked pre-training reads it")
            .PerBlock(config.Layers, "blocks.{i}.", "encoder.layer.{i}.", block =>
            {
                const string Attention = "attention.attention.";
                block.Pair("ln1", "layernorm_before").Pair("ln2", "layernorm_after")
                    .Stack("attn.qkv.weight", Attention + "query.weight", Attention + "key.weight", Attention + "value.weight")
                    .Pair("attn.out", "attention.output.dense").Pair("mlp.in", "intermediate.dense").Pair("mlp.out", "output.dense");
                if (config.QkvBias) block.Stack("attn.qkv.bias", Attention + "query.bias", Attention + "key.bias", Attention + "value.bias");
            }));
        if (config.Head == VitHead.Pooler) map.Pair("head", prefix + "pooler.dense");
        if (config.Head == VitHead.Classifier) map.Pair("head", "classifier").Ignore(prefix + "pooler.*", "the classifier reads the class token itself");
        return map;
    }

    /// <inheritdoc/>
    protected override VitConfig Settle(VitConfig config, TensorSource source) =>
        config.Head == VitHead.None && source.Names.Any(name => name.EndsWith("pooler.dense.weight", StringComparison.Ordinal))
            ? config with { Head = VitHead.Pooler }
            : config;
}

/// <summary>The model of <see cref="VitFamily"/>: pixel_values [B, C, H, W] to logits, or to the last hidden state.</summary>
public sealed class Vit : HookedModel, ILogitReadout
{
    private readonly VitConfig _config;
    private readonly PatchEmbed _patch;
    private readonly Weight _cls, _pos;
    private readonly HookPoint _posEmbed, _fullEmbed, _lnFinal;
    private readonly HookPoint? _postHead;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly Linear? _head;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public Vit(VitConfig config)
    {
        _config = config;
        _patch = Child("patch", new PatchEmbed(config.Channels, config.Width, config.Patch));
        _cls = Declare("cls_token", 1, 1, config.Width);
        var side = config.Image / config.Patch;
        _pos = Declare("pos_embed", 1, 1 + side * side, config.Width);
        _posEmbed = Point(Site.PosEmbed);
        _fullEmbed = Point(Site.FullEmbed);
        _blocks = [.. Enumerable.Range(0, config.Layers).Select(i => BlockChild($"blocks.{i}", i, new Block(
            new Attention(config.Width, config.Heads, bias: config.QkvBias),
            new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
            config.Eps)))];
        _norm = Child("ln_final", new LayerNorm(config.Width, config.Eps, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
        if (config.Head == VitHead.None) return;
        _head = Child("head", new Linear(config.Width, config.Head == VitHead.Pooler ? config.Width : config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => 0;

    /// <inheritdoc/>
    public LayerNorm FinalNorm => _norm;

    /// <inheritdoc/>
    public Linear? Readout => _config.Head == VitHead.Classifier ? _head : null;

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => _patch.LayoutOf(input["pixel_values"], prefix: 1);

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = Embed(input["pixel_values"], run);
        foreach (var block in _blocks) x = block.Forward(x, run);
        x = _lnFinal.Pass(_norm.Forward(x, run), run);
        if (_head is null || _postHead is null) return new ModelOutput().With("last_hidden_state", x);
        var read = _postHead.Pass(_head.Forward(x.select(1, 0)), run);
        return _config.Head == VitHead.Classifier
            ? new ModelOutput().With("logits", read).With("last_hidden_state", x)
            : new ModelOutput().With("last_hidden_state", x).With("pooler_output", read.tanh());
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step == ProcessingStep.CenterWriting) Processing.Center(_pos);
    }

    private Tensor Embed(Tensor pixels, HookRun run)
    {
        using var scope = NewDisposeScope();
        var patches = _patch.Forward(pixels, run);
        var layout = _patch.LayoutOf(pixels, prefix: 1);
        var positions = _posEmbed.Pass(Positions.Resampled(_pos.Value, 1, layout.Rows, layout.Columns, antialias: false), run);
        var tokens = cat([_cls.Value.expand(pixels.shape[0], 1, _config.Width), patches], 1);
        return _fullEmbed.Pass(tokens + positions, run).MoveToOuterDisposeScope();
    }
}
