using System.Text.Json;
using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>The towers of a SigLIP checkpoint; at least one.</summary>
public sealed record SiglipConfig
{
    /// <summary>The image tower; null where the checkpoint is a text tower alone.</summary>
    public VitStackConfig? Vision { get; init; }

    /// <summary>Whether the image tower ends in attention pooling.</summary>
    public bool Pools { get; init; } = true;

    /// <summary>The text tower; null where the checkpoint is an image tower alone.</summary>
    public ClipTextConfig? Text { get; init; }
}

/// <summary>
/// SigLIP in the Hugging Face layout (Zhai et al. 2023), and SigLIP 2 of fixed resolution, which shares it: SiglipModel, SiglipVisionModel,
/// SiglipTextModel. Image tower without class token, pooled by attention; text tower without causal mask, its last token projected; the
/// logits have a bias. Other picture sizes interpolate the positions bicubically without antialiasing, as the reference does.
/// </summary>
public sealed class SiglipFamily : ModelFamily<SiglipConfig>
{
    /// <inheritdoc/>
    public override string Name => "siglip";

    /// <inheritdoc/>
    protected override SiglipConfig TinyConfig => new()
    {
        Vision = new()
        {
            Width = 16,
            Layers = 2,
            Heads = 2,
            Hidden = 24,
            Patch = 4,
            Rows = 4,
            Columns = 4,
            Eps = 1e-6,
            ClassToken = false,
            Positions = VitPositions.Patches,
            Activation = "gelu_pytorch_tanh",
        },
        Text = Text() with { Width = 12, Layers = 2, Heads = 3, Hidden = 20, Vocabulary = 40, Context = 8, Projection = 16 },
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType is "siglip" or "siglip_vision_model" or "siglip_text_model";

    /// <inheritdoc/>
    protected override SiglipConfig ReadConfig(ModelFolder folder) => Read(folder, "Siglip", json =>
            HuggingFaceVit.Read(json, eps: 1e-6, activation: "gelu_pytorch_tanh") with { ClassToken = false, Positions = VitPositions.Patches });

    /// <inheritdoc/>
    protected override HookedModel Build(SiglipConfig config) => Assemble(config, vision => new SiglipVision(vision, config.Pools));

    /// <inheritdoc/>
    protected override WeightMap Weights(SiglipConfig config, TensorSource source) => Map(config, source);

    /// <summary>Reads the towers that a folder's model has.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="name">What the reference's classes begin with.</param>
    /// <param name="stack">Reads the image tower's stack; the rest of its configuration is read here.</param>
    internal static SiglipConfig Read(ModelFolder folder, string name, Func<ConfigReader, VitStackConfig> stack)
    {
        var (where, type) = (Path.Combine(folder.Path, folder.ConfigFile), name.ToLowerInvariant());
        var (both, image, words) = ($"{name}Model", $"{name}VisionModel", $"{name}TextModel");
        var towers = folder.Architecture.Length > 0 ? folder.Architecture : folder.ModelType == $"{type}_vision_model" ? image : folder.ModelType == $"{type}_text_model" ? words : both;
        if (towers != both && towers != image && towers != words)
            throw new CheckpointException($"{where}: the architecture '{towers}' is not built; {both}, {image} and {words} are.");
        if (folder.ModelType != type)
        {
            var alone = new ConfigReader(folder.Config, where);
            return towers == words ? new SiglipConfig { Text = ReadText(alone) } : ReadVision(alone, stack);
        }
        var config = towers == words ? new SiglipConfig() : ReadVision(Tower(folder.Config, "vision_config", where), stack);
        return towers == image ? config : config with { Text = ReadText(Tower(folder.Config, "text_config", where)) };
    }

    /// <summary>The towers of a configuration as one model.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="tower">Makes the image tower.</param>
    internal static HookedModel Assemble(SiglipConfig config, Func<VitStackConfig, ImageTower> tower) => (config.Vision, config.Text) switch
    {
        ({ } vision, { } text) => new ClipModel(tower(vision), new ClipText(text), logitBias: true),
        ({ } vision, null) => new ClipVisionModel(tower(vision)),
        (null, { } text) => new ClipTextModel(text),
        _ => throw new ArgumentException("A SigLIP has at least one tower.", nameof(config)),
    };

    /// <summary>The weights' names, which both versions share.</summary>
    internal static WeightMap Map(SiglipConfig config, TensorSource source)
    {
        var both = config.Vision is not null && config.Text is not null;
        var map = new WeightMap();
        if (config.Vision is { } vision)
            map.Under(both ? "vision." : "", ClipWeights.Prefix(source, "embeddings.patch_embedding.weight", "vision_model."), tower =>
            {
                tower.Pair("patch", "embeddings.patch_embedding").Copy("pos_embed", "embeddings.position_embedding.weight")
                    .Ignore("embeddings.position_ids", "0, 1, 2, …").HuggingFaceBlocks(vision.Layers).Pair("ln_final", "post_layernorm");
                if (config.Pools)
                    tower.Copy("head.latent", "head.probe")
                        .Copy("head.qkv.weight", "head.attention.in_proj_weight").Copy("head.qkv.bias", "head.attention.in_proj_bias")
                        .Pair("head.out", "head.attention.out_proj").Pair("head.ln", "head.layernorm")
                        .Pair("head.mlp.in", "head.mlp.fc1").Pair("head.mlp.out", "head.mlp.fc2");
            });
        if (config.Text is { } text)
            map.Under(both ? "text." : "", ClipWeights.Prefix(source, "embeddings.token_embedding.weight", "text_model."),
                tower => tower.HuggingFaceText(text.Layers).Pair("head", "head"));
        return both ? map.Copy("logit_scale", "logit_scale").Copy("logit_bias", "logit_bias") : map;
    }

    private static SiglipConfig ReadVision(ConfigReader json, Func<ConfigReader, VitStackConfig> stack)
    {
        var config = new SiglipConfig { Vision = stack(json), Pools = json.Bool("vision_use_head", true) };
        config.Vision.Check(json);
        json.Finish();
        return config;
    }

    private static ClipTextConfig ReadText(ConfigReader json)
    {
        var width = json.Int("hidden_size", 768);
        var config = Text() with
        {
            Width = width,
            Layers = json.Int("num_hidden_layers", 12),
            Heads = json.Int("num_attention_heads", 12),
            Hidden = json.Int("intermediate_size", 3072),
            Vocabulary = json.Int("vocab_size", 32000),
            Context = json.Int("max_position_embeddings", 64),
            Activation = json.Activation("hidden_act", "gelu_pytorch_tanh"),
            Eps = json.Double("layer_norm_eps", 1e-6),
            Projection = json.Int("projection_size", width),
        };
        json.Require(width % config.Heads == 0, $"{config.Heads} attention heads do not divide the width {width}");
        json.Finish();
        return config;
    }

    /// <summary>What every text tower of SigLIP has.</summary>
    internal static ClipTextConfig Text() => new()
    {
        Activation = "gelu_pytorch_tanh",
        Eps = 1e-6,
        Causal = false,
        Pooling = ClipPooling.Last,
        ProjectionBias = true,
        PoolsProjected = true,
    };

    private static ConfigReader Tower(JsonElement config, string key, string where) =>
        config.TryGetProperty(key, out var tower) && tower.ValueKind != JsonValueKind.Null
            ? new ConfigReader(tower, $"{where}, {key}")
            : new ConfigReader(JsonSerializer.SerializeToElement(new { }), $"{where}, {key} (absent)");
}

/// <summary>SigLIP's image tower: a stack without class token, a norm on all tokens, attention pooling.</summary>
public sealed class SiglipVision : ImageTower
{
    private readonly VitStack _stack;
    private readonly ClosingNorm _norm;
    private readonly AttentionPool? _pool;

    /// <summary>Declares everything of the configuration, without values.</summary>
    /// <param name="config">The stack.</param>
    /// <param name="pools">Whether there is attention pooling; without, nothing stands for the picture as a whole.</param>
    public SiglipVision(VitStackConfig config, bool pools)
    {
        _stack = Child("", new VitStack(config));
        _norm = Child("ln_final", new ClosingNorm(config.Width, config.Norm));
        if (pools) _pool = PartChild("head", new AttentionPool(config.Width, config.Heads, config.Hidden, Activation.Named(config.Activation), config.Norm));
    }

    /// <inheritdoc/>
    public override int JointWidth => _pool is null ? 0 : _stack.Config.Width;

    /// <inheritdoc/>
    public override Norm FinalNorm => _norm.Norm;

    /// <inheritdoc/>
    public override Linear? Readout => null;

    /// <inheritdoc/>
    public override int? ReadToken => null;

    /// <inheritdoc/>
    public override TowerOutput Forward(ModelInput input, HookRun run)
    {
        var x = _norm.Forward(_stack.Forward(input["pixel_values"], run), run);
        return new TowerOutput(x, _pool?.Forward(x, run), null);
    }

    /// <inheritdoc/>
    public override TokenLayout? LayoutOf(ModelInput input) => _stack.LayoutOf(input["pixel_values"]);
}
