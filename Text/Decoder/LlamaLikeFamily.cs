using Prisma.Core;

namespace Prisma.Text;

/// <summary>A family with Llama's blocks and names; it says which keys its configuration has and what they mean.</summary>
public abstract class LlamaLikeFamily : ModelFamily<LlamaLikeConfig>
{
    /// <inheritdoc/>
    protected override LlamaLikeConfig TinyConfig => new()
    {
        Width = 16,
        Layers = 2,
        Heads = 4,
        KeyHeads = 2,
        HeadWidth = 4,
        Hidden = 24,
        Vocabulary = 40,
        Context = 24,
    };

    /// <summary>The configuration's <c>model_type</c>.</summary>
    protected abstract string ModelType { get; }

    /// <inheritdoc/>
    public override string Name => ModelType;

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == ModelType;

    /// <summary>Adds the family's own keys.</summary>
    /// <param name="json">The configuration; faults go there.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="config">What was read so far.</param>
    protected abstract LlamaLikeConfig Complete(ConfigReader json, ModelFolder folder, LlamaLikeConfig config);

    /// <summary>How many axes of each head are turned.</summary>
    protected virtual int ReadRotaryWidth(ConfigReader json, int headWidth) => headWidth;

    /// <summary>Rotary frequencies.</summary>
    /// <param name="json">The configuration; faults go there.</param>
    /// <param name="context">Its <c>max_position_embeddings</c>.</param>
    /// <param name="turned">How many axes of each head are turned.</param>
    protected virtual RopeSettings ReadRope(ConfigReader json, int context, int turned) => RopeSettings.Read(json, context);

    /// <summary>Windows of the blocks where the file lists <c>layer_types</c>; null where it does not.</summary>
    internal static IReadOnlyList<int?>? Listed(ConfigReader json, int layers, int? window)
    {
        if (json.Texts("layer_types") is not { } types) return null;
        json.Require(types.Count == layers, $"'layer_types' lists {types.Count} of {layers} blocks");
        json.Require(types.All(type => type is "full_attention" or "sliding_attention"), "'layer_types' has others than full_attention and sliding_attention, which are built");
        json.Require(window is not null || types.All(type => type == "full_attention"), "'layer_types' has sliding blocks, but 'sliding_window' gives no width");
        return [.. types.Select(type => type == "sliding_attention" ? window : null)];
    }

    /// <inheritdoc/>
    protected override LlamaLikeConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile));
        var (width, heads, context) = (json.Int("hidden_size", 4096), json.Int("num_attention_heads", 32), json.Int("max_position_embeddings"));
        var headWidth = json.Int("head_dim", Math.Max(1, width / heads));
        var turned = ReadRotaryWidth(json, headWidth);
        var config = Complete(json, folder, new LlamaLikeConfig
        {
            Width = width,
            Layers = json.Int("num_hidden_layers", 32),
            Heads = heads,
            KeyHeads = json.Int("num_key_value_heads", heads),
            HeadWidth = headWidth,
            RotaryWidth = turned,
            Hidden = json.Int("intermediate_size"),
            Vocabulary = json.Int("vocab_size"),
            Context = context,
            Activation = json.Activation("hidden_act", "silu"),
            Eps = json.Double("rms_norm_eps", 1e-6),
            Rope = ReadRope(json, context, turned),
        });
        json.Require(json.Has("head_dim") || width % heads == 0, $"{heads} heads do not divide the width {width}");
        json.Require(heads % config.KeyHeads == 0, $"{config.KeyHeads} key heads do not divide {heads} heads");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(LlamaLikeConfig config)
    {
        var rotary = new TokenRotary(config.RotaryWidth ?? config.HeadWidth, config.Rope);
        return new CausalLm(
            new CausalLmOptions
            {
                Vocabulary = config.Vocabulary,
                Width = config.Width,
                Layers = config.Layers,
                Context = config.Context,
                Norm = RmsNorm.With(config.Eps),
                Head = config.Head,
                Rotaries = [rotary],
            },
            i => new Block(
                new Attention(new AttentionOptions
                {
                    Width = config.Width,
                    Heads = config.Heads,
                    KeyHeads = config.KeyHeads,
                    HeadWidth = config.HeadWidth,
                    Causal = true,
                    Window = i < config.Windows.Count ? config.Windows[i] : null,
                    Bias = config.Bias,
                    OutBias = config.OutBias,
                    HeadNorm = config.HeadNorm ? RmsNorm.With(config.Eps) : null,
                    Rotary = rotary,
                }),
                new GatedMlp(config.Width, config.Hidden, Activation.Named(config.Activation), config.MlpBias),
                RmsNorm.With(config.Eps)));
    }

    /// <inheritdoc/>
    protected override WeightMap Weights(LlamaLikeConfig config, TensorSource source) => DecoderWeights.Llama(source, config.Layers, config.Head, block =>
    {
        block.Copy("ln1.weight", "input_layernorm.weight").Copy("ln2.weight", "post_attention_layernorm.weight")
            .Projections("self_attn", config.Bias, config.OutBias).Gated(config.MlpBias);
        if (config.HeadNorm) block.Copy("attn.q_norm.weight", "self_attn.q_norm.weight").Copy("attn.k_norm.weight", "self_attn.k_norm.weight");
    });
}
