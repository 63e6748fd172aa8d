using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>What of GPT-NeoX's configuration enters the forward pass. The defaults are those of Hugging Face's GPTNeoXConfig.</summary>
public sealed record GptNeoXConfig
{
    /// <summary>d_model.</summary>
    public int Width { get; init; } = 6144;

    /// <summary>The number of blocks.</summary>
    public int Layers { get; init; } = 44;

    /// <summary>The number of heads.</summary>
    public int Heads { get; init; } = 64;

    /// <summary>d_mlp.</summary>
    public int Hidden { get; init; } = 24576;

    /// <summary>One more than the greatest id.</summary>
    public int Vocabulary { get; init; } = 50432;

    /// <summary>The number of tokens that it was trained on.</summary>
    public int Context { get; init; } = 2048;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>The share of each head's axes that turn with the position.</summary>
    public double RotaryShare { get; init; } = 0.25;

    /// <summary>Rotary frequencies.</summary>
    public RopeSettings Rope { get; init; } = RopeSettings.Plain();

    /// <summary>Whether attention and MLP read the same stream.</summary>
    public bool Parallel { get; init; } = true;

    /// <summary>Whether attention has biases.</summary>
    public bool AttentionBias { get; init; } = true;

    /// <summary>What maps to the logits.</summary>
    public LmHead Head { get; init; } = LmHead.Own;
}

/// <summary>
/// GPT-NeoX and Pythia in the Hugging Face layout: GPTNeoXForCausalLM, GPTNeoXModel (Black et al. 2022). Partly rotary positions, parallel
/// or serial branches; queries, keys and values are packed head by head.
/// </summary>
public sealed class GptNeoXFamily : ModelFamily<GptNeoXConfig>
{
    /// <inheritdoc/>
    public override string Name => "gpt_neox";

    /// <inheritdoc/>
    protected override GptNeoXConfig TinyConfig => new()
    {
        Width = 16,
        Layers = 2,
        Heads = 2,
        Hidden = 24,
        Vocabulary = 40,
        Context = 24,
        RotaryShare = 0.5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "gpt_neox";

    /// <inheritdoc/>
    protected override GptNeoXConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("hidden_dropout", "partial_rotary_factor", "rope_theta");
        var context = json.Int("max_position_embeddings", 2048);
        var config = new GptNeoXConfig
        {
            Width = json.Int("hidden_size", 6144),
            Layers = json.Int("num_hidden_layers", 44),
            Heads = json.Int("num_attention_heads", 64),
            Hidden = json.Int("intermediate_size", 24576),
            Vocabulary = json.Int("vocab_size", 50432),
            Context = context,
            Activation = json.Activation("hidden_act", "gelu"),
            Eps = json.Double("layer_norm_eps", 1e-5),
            RotaryShare = json.Double("rotary_pct", 0.25),
            Rope = RopeSettings.Read(json, context, thetaKey: "rotary_emb_base"),
            Parallel = json.Bool("use_parallel_residual", true),
            AttentionBias = json.Bool("attention_bias", true),
            Head = json.ReadHead(folder, "GPTNeoXModel", "GPTNeoXForCausalLM", tied: false),
        };
        json.Require(config.Width % config.Heads == 0, $"{config.Heads} heads do not divide the width {config.Width}");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(GptNeoXConfig config)
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
                Rotaries = [rotary],
            },
            _ => new Block(
                new Attention(new AttentionOptions
                {
                    Width = config.Width,
                    Heads = config.Heads,
                    Causal = true,
                    Bias = config.AttentionBias,
                    OutBias = config.AttentionBias,
                    Rotary = rotary,
                }),
                new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
                LayerNorm.With(config.Eps),
                new BlockOptions { Parallel = config.Parallel }));
    }

    /// <inheritdoc/>
    protected override WeightMap Weights(GptNeoXConfig config, TensorSource source)
    {
        var prefix = ClipWeights.Prefix(source, "embed_in.weight", "gpt_neox.");
        return new WeightMap().Head(config.Head, "embed_out").Under("", prefix, body => body
            .Copy("token_embed", "embed_in.weight").Pair("ln_final", "final_layer_norm")
            .PerBlock(config.Layers, "blocks.{i}.", "layers.{i}.", block =>
            {
                block.Pair("ln1", "input_layernorm").Pair("ln2", "post_attention_layernorm")
                    .Copy("attn.qkv.weight", "attention.query_key_value.weight", Unpacked)
                    .Copy("attn.out.weight", "attention.dense.weight")
                    .Pair("mlp.in", "mlp.dense_h_to_4h").Pair("mlp.out", "mlp.dense_4h_to_h")
                    .Ignore("attention.bias", "the causal mask").Ignore("attention.masked_bias", "what masked scores become")
                    .Ignore("attention.rotary_emb.inv_freq", "it follows from the configuration");
                if (config.AttentionBias)
                    block.Copy("attn.qkv.bias", "attention.query_key_value.bias", Unpacked).Copy("attn.out.bias", "attention.dense.bias");
            }));

        // Rows are head by head q, k, v; here they are q, k, v with the heads within.
        Tensor Unpacked(Tensor packed)
        {
            var rest = packed.shape[1..];
            return packed.numel() != 3L * config.Width * rest.Aggregate(1L, (product, size) => product * size)
                ? packed
                : packed.view([config.Heads, 3, config.Width / config.Heads, .. rest]).transpose(0, 1).reshape(packed.shape);
        }
    }
}
