using Prisma.Core;

namespace Prisma.Text;

/// <summary>What of GPT-2's configuration enters the forward pass. The defaults are those of Hugging Face's GPT2Config.</summary>
public sealed record Gpt2Config
{
    /// <summary>d_model.</summary>
    public int Width { get; init; } = 768;

    /// <summary>The number of blocks.</summary>
    public int Layers { get; init; } = 12;

    /// <summary>The number of heads.</summary>
    public int Heads { get; init; } = 12;

    /// <summary>d_mlp.</summary>
    public int Hidden { get; init; } = 3072;

    /// <summary>One more than the greatest id.</summary>
    public int Vocabulary { get; init; } = 50257;

    /// <summary>The number of positions.</summary>
    public int Context { get; init; } = 1024;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu_new";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>Whether scores are divided by √d_head.</summary>
    public bool ScalesScores { get; init; } = true;

    /// <summary>Whether scores of block i are divided by i + 1 as well.</summary>
    public bool ScalesByLayer { get; init; }

    /// <summary>What maps to the logits.</summary>
    public LmHead Head { get; init; } = LmHead.Tied;
}

/// <summary>
/// GPT-2 in the Hugging Face layout: GPT2LMHeadModel, GPT2Model (Radford et al. 2019). Learned positions, pre-norm blocks, tanh-GELU; the
/// matrices are stored transposed.
/// </summary>
public sealed class Gpt2Family : ModelFamily<Gpt2Config>
{
    /// <inheritdoc/>
    public override string Name => "gpt2";

    /// <inheritdoc/>
    protected override Gpt2Config TinyConfig => new() { Width = 16, Layers = 2, Heads = 2, Hidden = 24, Vocabulary = 40, Context = 24, ScalesByLayer = true };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "gpt2";

    /// <inheritdoc/>
    protected override Gpt2Config ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile))
            .Ignore("attn_pdrop", "embd_pdrop", "resid_pdrop", "summary_first_dropout", "n_ctx");
        json.Require(!json.IsSwitchedOn("add_cross_attention"), "'add_cross_attention' is not built");
        var width = json.Int("n_embd", 768);
        var config = new Gpt2Config
        {
            Width = width,
            Layers = json.Int("n_layer", 12),
            Heads = json.Int("n_head", 12),
            Hidden = json.Int("n_inner", 4 * width),
            Vocabulary = json.Int("vocab_size", 50257),
            Context = json.Int("n_positions", 1024),
            Activation = json.Activation("activation_function", "gelu_new"),
            Eps = json.Double("layer_norm_epsilon", 1e-5),
            ScalesScores = json.Bool("scale_attn_weights", true),
            ScalesByLayer = json.Bool("scale_attn_by_inverse_layer_idx", false),
            Head = json.ReadHead(folder, "GPT2Model", "GPT2LMHeadModel", tied: true),
        };
        json.Require(config.Width % config.Heads == 0, $"{config.Heads} heads do not divide the width {config.Width}");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(Gpt2Config config) => new CausalLm(
        new CausalLmOptions
        {
            Vocabulary = config.Vocabulary,
            Width = config.Width,
            Layers = config.Layers,
            Context = config.Context,
            PositionTable = true,
            Norm = LayerNorm.With(config.Eps),
            Head = config.Head,
        },
        i => new Block(
            new Attention(new AttentionOptions
            {
                Width = config.Width,
                Heads = config.Heads,
                Causal = true,
                Scale = (config.ScalesScores ? 1 / Math.Sqrt((double)config.Width / config.Heads) : 1) / (config.ScalesByLayer ? i + 1 : 1),
            }),
            new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
            LayerNorm.With(config.Eps)));

    /// <inheritdoc/>
    protected override WeightMap Weights(Gpt2Config config, TensorSource source)
    {
        var prefix = ClipWeights.Prefix(source, "wte.weight", "transformer.");
        return new WeightMap().Head(config.Head, "lm_head").Under("", prefix, body => body
            .Copy("token_embed", "wte.weight").Copy("pos_embed", "wpe.weight").Pair("ln_final", "ln_f")
            .PerBlock(config.Layers, "blocks.{i}.", "h.{i}.", block => block
                .Pair("ln1", "ln_1").Pair("ln2", "ln_2")
                .Transposed("attn.qkv", "attn.c_attn").Transposed("attn.out", "attn.c_proj")
                .Transposed("mlp.in", "mlp.c_fc").Transposed("mlp.out", "mlp.c_proj")
                .Ignore("attn.bias", "the causal mask").Ignore("attn.masked_bias", "what masked scores become")));
    }
}
