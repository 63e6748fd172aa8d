using Prisma.Core;

namespace Prisma.Text;

/// <summary>What of GPT-J's configuration enters the forward pass. The defaults are those of Hugging Face's GPTJConfig.</summary>
public sealed record GptJConfig
{
    /// <summary>d_model.</summary>
    public int Width { get; init; } = 4096;

    /// <summary>The number of blocks.</summary>
    public int Layers { get; init; } = 28;

    /// <summary>The number of heads.</summary>
    public int Heads { get; init; } = 16;

    /// <summary>d_mlp.</summary>
    public int Hidden { get; init; } = 16384;

    /// <summary>One more than the greatest id.</summary>
    public int Vocabulary { get; init; } = 50400;

    /// <summary>The number of tokens that it was trained on.</summary>
    public int Context { get; init; } = 2048;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "gelu_new";

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>How many axes of each head turn with the position.</summary>
    public int RotaryWidth { get; init; } = 64;

    /// <summary>What maps to the logits.</summary>
    public LmHead Head { get; init; } = LmHead.Own;
}

/// <summary>
/// GPT-J in the Hugging Face layout: GPTJForCausalLM, GPTJModel (Wang and Komatsuzaki 2021). Parallel branches behind one norm; neighbouring
/// axes are turned.
/// </summary>
public sealed class GptJFamily : ModelFamily<GptJConfig>
{
    /// <inheritdoc/>
    public override string Name => "gptj";

    /// <inheritdoc/>
    protected override GptJConfig TinyConfig => new() { Width = 16, Layers = 2, Heads = 2, Hidden = 24, Vocabulary = 40, Context = 24, RotaryWidth = 4 };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "gptj";

    /// <inheritdoc/>
    protected override GptJConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile))
            .Ignore("attn_pdrop", "embd_pdrop", "resid_pdrop", "summary_first_dropout", "n_ctx");
        var width = json.Int("n_embd", 4096);
        var heads = json.Int("n_head", 16);
        json.Require(width % heads == 0, $"{heads} heads do not divide the width {width}");
        json.Require(json.Has("rotary_dim") || !folder.Config.TryGetProperty("rotary_dim", out _), "'rotary_dim' null is not built; give the number of axes");
        var config = new GptJConfig
        {
            Width = width,
            Layers = json.Int("n_layer", 28),
            Heads = heads,
            Hidden = json.Int("n_inner", 4 * width),
            Vocabulary = json.Int("vocab_size", 50400),
            Context = json.Int("n_positions", 2048),
            Activation = json.Activation("activation_function", "gelu_new"),
            Eps = json.Double("layer_norm_epsilon", 1e-5),
            RotaryWidth = json.Int("rotary_dim", 64),
            Head = json.ReadHead(folder, "GPTJModel", "GPTJForCausalLM", tied: false),
        };
        json.Require(config.Head != LmHead.Tied, "a head tied to the embeddings, with a bias of its own, is not built");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(GptJConfig config)
    {
        var rotary = new TokenRotary(config.RotaryWidth, RopeSettings.Plain(), RotaryPairs.Neighbours);
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
                new Attention(new AttentionOptions { Width = config.Width, Heads = config.Heads, Causal = true, Bias = false, OutBias = false, Rotary = rotary }),
                new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
                LayerNorm.With(config.Eps),
                new BlockOptions { Parallel = true, SharedNorm = true }));
    }

    /// <inheritdoc/>
    protected override WeightMap Weights(GptJConfig config, TensorSource source)
    {
        var prefix = ClipWeights.Prefix(source, "wte.weight", "transformer.");
        return new WeightMap().Head(config.Head, "lm_head", bias: true).Under("", prefix, body => body
            .Copy("token_embed", "wte.weight").Pair("ln_final", "ln_f")
            .PerBlock(config.Layers, "blocks.{i}.", "h.{i}.", block => block
                .Pair("ln1", "ln_1").Projections("attn", bias: false, outBias: false, output: "out_proj")
                .Pair("mlp.in", "mlp.fc_in").Pair("mlp.out", "mlp.fc_out")
                .Ignore("attn.bias", "the causal mask").Ignore("attn.masked_bias", "what masked scores become").Ignore("attn.embed_positions", "it follows from the configuration")));
    }
}
