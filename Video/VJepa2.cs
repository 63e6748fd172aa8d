using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>
/// V-JEPA 2 in the Hugging Face layout (Assran et al. 2025): encoder, predictor, and the attentive pooler with a classifier. No class
/// token and no position table: queries and keys are turned by the place of their token, so clips of other lengths need nothing more.
/// </summary>
public sealed class VJepa2Family : ModelFamily<VJepa2Config>
{
    /// <inheritdoc/>
    public override string Name => "vjepa2";

    /// <inheritdoc/>
    protected override VJepa2Config TinyConfig => new()
    {
        Encoder = new VJepaStack(16, 2, 2, 24),
        Predictor = new VJepaStack(12, 2, 2, 24),
        MaskTokens = 2,
        Patch = 4,
        Image = 16,
        Frames = 4,
        Tubelet = 2,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "vjepa2";

    /// <inheritdoc/>
    protected override VJepa2Config ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("image_size", "pred_zero_init_mask_tokens");
        json.Require(folder.Architecture is "VJEPA2Model" or "VJEPA2ForVideoClassification" or "",
            $"the architecture '{folder.Architecture}' is not built; VJEPA2Model and VJEPA2ForVideoClassification are");
        var classifies = folder.Architecture == "VJEPA2ForVideoClassification";
        var poolerLayers = json.AnyInt("num_pooler_layers", 3);
        json.Require(poolerLayers >= 0, $"num_pooler_layers is {poolerLayers}, not a number of layers");
        var config = new VJepa2Config
        {
            Encoder = Stack(json, "", (1024, 24, 16)),
            Predictor = Stack(json, "pred_", (384, 12, 12)),
            MaskTokens = json.Int("pred_num_mask_tokens", 10),
            Patch = json.Int("patch_size", 16),
            Image = json.Int("crop_size", 256),
            Frames = json.Int("frames_per_clip", 64),
            Tubelet = json.Int("tubelet_size", 2),
            Channels = json.Int("in_chans", 3),
            Activation = json.Activation("hidden_act", "gelu"),
            Eps = json.Double("layer_norm_eps", 1e-6),
            QkvBias = json.Bool("qkv_bias", true),
            PoolerLayers = classifies ? poolerLayers : 0,
            Classes = VideoConfig.Classes(folder, json, classifies),
        };
        json.Require(config.Side > 0, "crop_size is smaller than patch_size");
        json.Require(config.Encoder.Width % config.Encoder.Heads == 0 && config.Predictor.Width % config.Predictor.Heads == 0, "the heads do not divide the width");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(VJepa2Config config) => new VJepa2(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(VJepa2Config config, TensorSource source)
    {
        var prefix = source.Names.Any(name => name.StartsWith("vjepa2.", StringComparison.Ordinal)) ? "vjepa2." : "";
        var map = new WeightMap();
        map.Under("", prefix + "encoder.", encoder => encoder
            .Pair("patch", "embeddings.patch_embeddings.proj")
            .PerBlock(config.Encoder.Layers, "blocks.{i}.", "layer.{i}.", block => VJepaBlocks.Weights(block, config.QkvBias))
            .Pair("ln_final", "layernorm"));
        if (config.Classes == 0) return map.Under("predictor.", prefix + "predictor.", predictor => VJepaPredictor.Map(predictor, config));
        return map.Under("pooler.", "pooler.", pooler => AttentivePooler.Map(pooler, config)).Pair("head", "classifier")
            .Ignore(prefix + "predictor.*", "a classifier never runs the predictor");
    }

    private static VJepaStack Stack(ConfigReader json, string prefix, (int Width, int Layers, int Heads) missing)
    {
        var width = json.Int(prefix + "hidden_size", missing.Width);
        return new VJepaStack(width, json.Int(prefix + "num_hidden_layers", missing.Layers), json.Int(prefix + "num_attention_heads", missing.Heads),
            (int)(width * json.Double(prefix + "mlp_ratio", 4)));
    }
}

/// <summary>
/// The model of <see cref="VJepa2Family"/>: pixel_values_videos [B, T, C, H, W] to the last hidden state, and with context_mask and
/// target_mask (token numbers, [B, n]) to the predictor's outputs too; a classifier gives logits.
/// </summary>
public sealed class VJepa2 : HookedModel, IVideoModel
{
    private const string Pixels = "pixel_values_videos", Context = "context_mask", Target = "target_mask";

    private readonly VJepa2Config _config;
    private readonly TubeletEmbed _patch;
    private readonly Block[] _blocks;
    private readonly LayerNorm _norm;
    private readonly HookPoint _lnFinal;
    private readonly HookPoint? _postHead;
    private readonly VJepaPredictor? _predictor;
    private readonly AttentivePooler? _pooler;
    private readonly Linear? _head;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public VJepa2(VJepa2Config config)
    {
        _config = config;
        _patch = Child("patch", new TubeletEmbed(config.Channels, config.Encoder.Width, config.Tubelet, config.Patch, config.Patch));
        _blocks = [.. Enumerable.Range(0, config.Encoder.Layers).Select(i => BlockChild($"blocks.{i}", i, VJepaBlocks.Block(config.Encoder, config)))];
        _norm = Child("ln_final", new LayerNorm(config.Encoder.Width, config.Eps, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
        if (config.Classes == 0)
        {
            _predictor = PartChild("predictor", new VJepaPredictor(config));
            InputNames = [Pixels, Context, Target];
            return;
        }
        _pooler = PartChild("pooler", new AttentivePooler(config));
        _head = Child("head", new Linear(config.Encoder.Width, config.Classes));
        _postHead = Point(Site.PostHead);
        InputNames = [Pixels];
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; }

    /// <inheritdoc/>
    public string ClipInput => Pixels;

    /// <inheritdoc/>
    public int ClipFrames => _config.Frames;

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input)
    {
        using var clip = Clip(input);
        return _patch.LayoutOf(clip, prefix: 0);
    }

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        using var clip = Clip(input);
        var x = _patch.Forward(clip, run);
        foreach (var block in _blocks) x = block.Forward(x, run);
        x = _lnFinal.Pass(_norm.Forward(x, run), run);
        if (_pooler is not null && _head is not null && _postHead is not null)
        {
            var pooled = _pooler.Forward(x, run);
            return new ModelOutput().With("logits", _postHead.Pass(_head.Forward(pooled), run)).With("pooler_output", pooled).With("last_hidden_state", x);
        }
        var output = new ModelOutput().With("last_hidden_state", x);
        if (_predictor is null || (!input.Has(Context) && !input.Has(Target))) return output;
        var (context, target) = (Mask(input, Context, x), Mask(input, Target, x));
        var masked = VJepaPredictor.ByToken(x, context);
        return output.With("masked_hidden_state", masked)
            .With("predictor.last_hidden_state", _predictor.Forward(masked, context, target, run))
            .With("predictor.target_hidden_state", VJepaPredictor.ByToken(x, target));
    }

    // A clip shorter than one tubelet is repeated, as the reference does for pictures.
    private Tensor Clip(ModelInput input)
    {
        using var scope = NewDisposeScope();
        var clip = ClipPixels.ChannelsFirst(input[Pixels], Pixels, _config.Channels, ClipOrder.FramesFirst);
        return (clip.shape[2] < _config.Tubelet ? clip.repeat(1, 1, _config.Tubelet, 1, 1) : clip).MoveToOuterDisposeScope();
    }

    private static Tensor Mask(ModelInput input, string name, Tensor tokens)
    {
        var mask = input[name];
        if (mask.ndim != 2 || mask.shape[0] != tokens.shape[0] || mask.shape[1] == 0 || mask.dtype is not (ScalarType.Int64 or ScalarType.Int32))
            throw new ShapeException($"{name} is {mask.dtype} [{string.Join(", ", mask.shape)}]; expected whole numbers [{tokens.shape[0]}, tokens to choose].");
        mask = mask.to(ScalarType.Int64);
        var (low, high) = (mask.min().item<long>(), mask.max().item<long>());
        return low >= 0 && high < tokens.shape[1]
            ? mask
            : throw new ShapeException($"{name} names the tokens {low} to {high}; this clip has {tokens.shape[1]} (0 to {tokens.shape[1] - 1}).");
    }
}
