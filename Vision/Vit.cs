using Prisma.Core;

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

    /// <summary>The stack that this configuration describes.</summary>
    public VitStackConfig Stack => new()
    {
        Width = Width,
        Layers = Layers,
        Heads = Heads,
        Hidden = Hidden,
        Patch = Patch,
        Rows = Image / Patch,
        Columns = Image / Patch,
        Channels = Channels,
        Activation = Activation,
        Eps = Eps,
        QkvBias = QkvBias,
    };
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
/// ViT in the Hugging Face layout: ViTModel, ViTForImageClassification (Dosovitskiy et al. 2020; DINO's ViTs are stored so too), the same of
/// ViTMSN, and the encoder of ViTMAEModel and ViTMAEForPreTraining, which here sees every patch in its place: nothing is masked. Class token, learned positions, pre-norm blocks with erf-GELU. Other picture sizes interpolate the positions bicubically without
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
    public override bool Claims(ModelFolder folder) => folder.ModelType is "vit" or "vit_msn" or "vit_mae";

    /// <inheritdoc/>
    protected override VitConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("encoder_stride", "pooler_output_size")
            .Ignore("decoder_num_attention_heads", "decoder_hidden_size", "decoder_num_hidden_layers", "decoder_intermediate_size", "mask_ratio");
        var classifies = folder.Architecture is "ViTForImageClassification" or "ViTMSNForImageClassification";
        json.Require(classifies || folder.Architecture is "ViTModel" or "ViTMSNModel" or "ViTMAEModel" or "ViTMAEForPreTraining" or "",
            $"the architecture '{folder.Architecture}' is not built; ViTModel, ViTMSNModel, both with ForImageClassification, ViTMAEModel and ViTMAEForPreTraining are");
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
            Eps = json.Double("layer_norm_eps", folder.ModelType == "vit_msn" ? 1e-6 : 1e-12),
            QkvBias = json.Bool("qkv_bias", true),
            Head = classifies ? VitHead.Classifier : VitHead.None,
            Classes = classifies ? Math.Max(folder.Labels().Count, json.AnyInt("num_labels", 0)) : 0,
        };
        if (classifies && config.Classes == 0) config = config with { Classes = 2 };  // the reference's default number of labels
        config.Stack.Check(json);
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(VitConfig config) => new Vit(config);

    // ViTModel saves its names bare, the classifier under "vit."; a pooler is there or not, whatever the configuration says.
    /// <inheritdoc/>
    protected override WeightMap Weights(VitConfig config, TensorSource source)
    {
        var prefix = VitWeights.Prefix(source, "vit.");
        var map = new WeightMap();
        map.Under("", prefix, body => body
            .Copy("cls_token", "embeddings.cls_token")
            .HuggingFaceEmbeddings().HuggingFaceEncoder(config.Stack)
            .Pair("ln_final", "layernorm"));
        if (prefix.Length > 0) map.Ignore("decoder.*", "only masked pre-training reads it");
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
public sealed class Vit : VitModel, ILogitReadout
{
    private readonly VitHead _kind;
    private readonly ClosingNorm _norm;
    private readonly HookPoint? _postHead;
    private readonly Linear? _head;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public Vit(VitConfig config) : base(config.Stack)
    {
        _kind = config.Head;
        _norm = Child("ln_final", new ClosingNorm(config.Width, config.Stack.Norm));
        if (config.Head == VitHead.None) return;
        _head = Child("head", new Linear(config.Width, config.Head == VitHead.Pooler ? config.Width : config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => 0;

    /// <inheritdoc/>
    public Norm FinalNorm => _norm.Norm;

    /// <inheritdoc/>
    public Linear? Readout => _kind == VitHead.Classifier ? _head : null;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = _norm.Forward(Stack.Forward(input["pixel_values"], run), run);
        if (_head is null || _postHead is null) return new ModelOutput().With("last_hidden_state", x);
        var read = _postHead.Pass(_head.Forward(x.select(1, 0)), run);
        return _kind == VitHead.Classifier
            ? new ModelOutput().With("logits", read).With("last_hidden_state", x)
            : new ModelOutput().With("last_hidden_state", x).With("pooler_output", read.tanh());
    }
}
