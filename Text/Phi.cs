using Prisma.Core;

namespace Prisma.Text;

/// <summary>What of Phi's configuration enters the forward pass. The defaults are those of Hugging Face's PhiConfig.</summary>
public sealed record PhiConfig
{
    /// <summary>d_model.</summary>
    public int Width { get; init; } = 2048;

    /// <summary>The number of blocks.</summary>
    public int Layers { get; init; } = 24;

    /// <summary>The number of query heads.</summary>
    public int Heads { get; init; } = 32;

    /// <summary>The number of key and value heads.</summary>
    public int KeyHeads { get; init; } = 32;

    /// <summary>d_mlp.</summary>
    public int Hidden { get; init; } = 8192;

    /// <summary>One more than the greatest id.</summary>
    public int Vocabulary { get; init; } = 51200;

    /// <summary>The number of tokens that it was trained on.</summary>
    public int Context { get; init; } = 2048;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu_new";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>The share of each head's axes that turn with the position.</summary>
    public double RotaryShare { get; init; } = 0.5;

    /// <summary>Rotary frequencies.</summary>
    public RopeSettings Rope { get; init; } = RopeSettings.Plain();

    /// <summary>Whether each query and key is normalised.</summary>
    public bool HeadNorm { get; init; }

    /// <summary>What maps to the logits.</summary>
    public LmHead Head { get; init; } = LmHead.Own;
}

/// <summary>
/// Phi 1 to 2 in the Hugging Face layout: PhiForCausalLM, PhiModel (Li et al. 2023). Parallel branches behind one norm, partly rotary
/// positions, biases everywhere.
/// </summary>
public sealed class PhiFamily : ModelFamily<PhiConfig>
{
    /// <inheritdoc/>
    public override string Name => "phi";

    /// <inheritdoc/>
    protected override PhiConfig TinyConfig => new() { Width = 16, Layers = 2, Heads = 2, KeyHeads = 2, Hidden = 24, Vocabulary = 40, Context = 24, HeadNorm = true };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "phi";

    /// <inheritdoc/>
    protected override PhiConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("resid_pdrop", "embd_pdrop");
        var (width, heads, context) = (json.Int("hidden_size", 2048), json.Int("num_attention_heads", 32), json.Int("max_position_embeddings", 2048));
        json.Require(width % heads == 0, $"{heads} heads do not divide the width {width}");
        var config = new PhiConfig
        {
            Width = width,
            Layers = json.Int("num_hidden_layers", 24),
            Heads = heads,
            KeyHeads = json.Int("num_key_value_heads", heads),
            Hidden = json.Int("intermediate_size", 8192),
            Vocabulary = json.Int("vocab_size", 51200),
            Context = context,
            Activation = json.Activation("hidden_act", "gelu_new"),
            Eps = json.Double("layer_norm_eps", 1e-5),
            RotaryShare = json.Double("partial_rotary_factor", 0.5),
            Rope = RopeSettings.Read(json, context),
            HeadNorm = json.Bool("qk_layernorm", false),
            Head = json.ReadHead(folder, "PhiModel", "PhiForCausalLM", tied: false),
        };
        json.Require(config.Head != LmHead.Tied, "a head tied to the embeddings, with a bias of its own, is not built");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(PhiConfig config)
    {
        var rotary = new TokenRotary((int)(config.Width / config.Heads * config.RotaryShare), config.Rope);
        return new CausalLm(
            new CausalLmOptions
            {
                Vocabulary = config.Vocabulary,
                Width = config.Width,
                Layers = config.Layers,
                Context = config.Context,
                Norm = LayerNorm.With(config.Eps),
                Head = config.Head,
                HeadBias = true,
                Rotaries = [rotary],
            },
            _ => new Block(
                new Attention(new AttentionOptions
                {
                    Width = config.Width,
                    Heads = config.Heads,
                    KeyHeads = config.KeyHeads,
                    Causal = true,
                    HeadNorm = config.HeadNorm ? LayerNorm.With(config.Eps) : null,
                    Rotary = rotary,
                }),
                new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
                LayerNorm.With(config.Eps),
                new BlockOptions { Parallel = true, SharedNorm = true }));
    }

    /// <inheritdoc/>
    protected override WeightMap Weights(PhiConfig config, TensorSource source)
    {
        var prefix = ClipWeights.Prefix(source, "embed_tokens.weight", "model.");
        return new WeightMap().Head(config.Head, "lm_head", bias: true).Under("", prefix, body => body
            .Copy("token_embed", "embed_tokens.weight").Pair("ln_final", "final_layernorm")
            .Ignore("*rotary_emb.inv_freq", "it follows from the configuration")
            .PerBlock(config.Layers, "blocks.{i}.", "layers.{i}.", block =>
            {
                block.Pair("ln1", "input_layernorm").Projections("self_attn", bias: true, outBias: true, output: "dense")
                    .Pair("mlp.in", "mlp.fc1").Pair("mlp.out", "mlp.fc2");
                if (config.HeadNorm) block.Pair("attn.q_norm", "self_attn.q_layernorm").Pair("attn.k_norm", "self_attn.k_layernorm");
            }));
    }
}
