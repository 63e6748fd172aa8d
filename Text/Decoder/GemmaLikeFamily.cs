using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>A generation of Gemma; it says which keys its configuration has and what they mean.</summary>
public abstract class GemmaLikeFamily : ModelFamily<GemmaLikeConfig>
{
    /// <inheritdoc/>
    protected override GemmaLikeConfig TinyConfig => new()
    {
        Width = 16,
        Layers = 2,
        Heads = 4,
        KeyHeads = 2,
        HeadWidth = 6,
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

    /// <summary>Adds the generation's own keys.</summary>
    protected abstract GemmaLikeConfig Complete(ConfigReader json, ModelFolder folder, GemmaLikeConfig config);

    /// <inheritdoc/>
    protected override GemmaLikeConfig ReadConfig(ModelFolder folder)
    {
        // hidden_act is what old files say; the reference reads hidden_activation alone.
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("hidden_act");
        var (heads, context) = (json.Int("num_attention_heads"), json.Int("max_position_embeddings", 8192));
        json.Require(!json.IsSwitchedOn("use_bidirectional_attention"), "'use_bidirectional_attention' is not built");
        var config = Complete(json, folder, new GemmaLikeConfig
        {
            Width = json.Int("hidden_size"),
            Layers = json.Int("num_hidden_layers"),
            Heads = heads,
            KeyHeads = json.Int("num_key_value_heads", heads),
            HeadWidth = json.Int("head_dim", 256),
            Hidden = json.Int("intermediate_size"),
            Vocabulary = json.Int("vocab_size"),
            Context = context,
            Activation = json.Activation("hidden_activation", "gelu_pytorch_tanh"),
            Eps = json.Double("rms_norm_eps", 1e-6),
            Bias = json.Bool("attention_bias", false),
        });
        json.Require(heads % config.KeyHeads == 0, $"{config.KeyHeads} key heads do not divide {heads} heads");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(GemmaLikeConfig config)
    {
        var rotary = new TokenRotary(config.HeadWidth, config.Rope);
        var windowed = config.WindowRope is { } own ? new TokenRotary(config.HeadWidth, own) : rotary;
        return new CausalLm(
            new CausalLmOptions
            {
                Vocabulary = config.Vocabulary,
                Width = config.Width,
                Layers = config.Layers,
                Context = config.Context,
                Norm = RmsNorm.With(config.Eps),
                EmbedScale = Math.Sqrt(config.Width),
                LogitCap = config.LogitCap,
                Head = config.Head,
                Rotaries = windowed == rotary ? [rotary] : [rotary, windowed],
            },
            i => BlockOf(config, i < config.Windows.Count ? config.Windows[i] : null, rotary, windowed));
    }

    private static Block BlockOf(GemmaLikeConfig config, int? window, TokenRotary rotary, TokenRotary windowed) => new(
        new Attention(new AttentionOptions
        {
            Width = config.Width,
            Heads = config.Heads,
            KeyHeads = config.KeyHeads,
            HeadWidth = config.HeadWidth,
            Causal = true,
            Window = window,
            Bias = config.Bias,
            OutBias = config.Bias,
            Scale = 1 / Math.Sqrt(config.ScoreWidth ?? config.HeadWidth),
            SoftCap = config.ScoreCap,
            HeadNorm = config.HeadNorm ? RmsNorm.With(config.Eps) : null,
            Rotary = window is null ? rotary : windowed,
        }),
        new GatedMlp(config.Width, config.Hidden, Activation.Named(config.Activation), bias: false),
        RmsNorm.With(config.Eps),
        new BlockOptions { PostNorms = config.PostNorms });

    /// <inheritdoc/>
    protected override WeightMap Weights(GemmaLikeConfig config, TensorSource source)
    {
        return DecoderWeights.Llama(source, config.Layers, config.Head, block =>
        {
            block.Copy("ln1.weight", "input_layernorm.weight", PlusOne).Projections("self_attn", config.Bias, config.Bias).Gated(bias: false);
            if (config.PostNorms)
                block.Copy("ln1_post.weight", "post_attention_layernorm.weight", PlusOne)
                    .Copy("ln2.weight", "pre_feedforward_layernorm.weight", PlusOne).Copy("ln2_post.weight", "post_feedforward_layernorm.weight", PlusOne);
            else
                block.Copy("ln2.weight", "post_attention_layernorm.weight", PlusOne);
            if (config.HeadNorm)
                block.Copy("attn.q_norm.weight", "self_attn.q_norm.weight", PlusOne).Copy("attn.k_norm.weight", "self_attn.k_norm.weight", PlusOne);
        }, PlusOne);

        static Tensor PlusOne(Tensor gain) => gain.to(ScalarType.Float32) + 1;
    }
}
