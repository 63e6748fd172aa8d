using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Text;

/// <summary>What of a TransformerLens configuration enters the forward pass.</summary>
public sealed record HookedTransformerConfig
{
    /// <summary>d_model.</summary>
    public required int Width { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>The number of query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>The number of key and value heads.</summary>
    public required int KeyHeads { get; init; }

    /// <summary>d_head.</summary>
    public required int HeadWidth { get; init; }

    /// <summary>d_mlp; null where blocks are attention alone (<c>attn_only</c>).</summary>
    public required int? Hidden { get; init; }

    /// <summary>One more than the greatest id.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The number of logits.</summary>
    public required int Outputs { get; init; }

    /// <summary>The number of positions.</summary>
    public required int Context { get; init; }

    /// <summary>The activation's name.</summary>
    public required string Activation { get; init; }

    /// <summary>ε of every norm.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>Whether norms take the root mean square alone.</summary>
    public bool RootMeanSquare { get; init; }

    /// <summary>Whether the final norm does.</summary>
    public bool FinalRootMeanSquare { get; init; }

    /// <summary>Whether norms have gains (and biases) of their own; processed models have none.</summary>
    public bool NormWeights { get; init; } = true;

    /// <summary>Whether the MLP is gated.</summary>
    public bool Gated { get; init; }

    /// <summary>Whether attention and MLP read the same stream.</summary>
    public bool Parallel { get; init; }

    /// <summary>Whether what the branches add is normalised.</summary>
    public bool PostNorms { get; init; }

    /// <summary>What scores of the first block are divided by.</summary>
    public double ScoreScale { get; init; } = 1;

    /// <summary>Whether scores of block i are divided by i + 1 as well.</summary>
    public bool ScalesByLayer { get; init; }

    /// <summary>c of c·tanh(score / c); none where null.</summary>
    public double? ScoreCap { get; init; }

    /// <summary>c of c·tanh(logit / c); none where null.</summary>
    public double? LogitCap { get; init; }

    /// <summary>How many axes of each head turn with the position; a table of positions where null.</summary>
    public int? RotaryWidth { get; init; }

    /// <summary>Which axes are turned together.</summary>
    public RotaryPairs Pairs { get; init; } = RotaryPairs.Halves;

    /// <summary>Rotary frequencies.</summary>
    public RopeSettings Rope { get; init; } = RopeSettings.Plain();
}

/// <summary>
/// Models in TransformerLens' own layout: a <c>config.json</c> with d_model, n_layers, d_head, n_ctx and a state dict with embed.W_E,
/// blocks.0.attn.W_Q …, as <c>HookedTransformer.state_dict()</c> gives it.
/// </summary>
public sealed class HookedTransformerFamily : ModelFamily<HookedTransformerConfig>
{
    /// <inheritdoc/>
    public override string Name => "hooked_transformer";

    /// <inheritdoc/>
    protected override HookedTransformerConfig TinyConfig => new()
    {
        Width = 16,
        Layers = 2,
        Heads = 2,
        KeyHeads = 2,
        HeadWidth = 6,
        Hidden = 24,
        Vocabulary = 40,
        Outputs = 30,
        Context = 24,
        Activation = "gelu_new",
        Gated = true,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType.Length == 0
        && new[] { "n_layers", "d_model", "d_head", "n_ctx" }.All(key => folder.Config.TryGetProperty(key, out _));

    /// <inheritdoc/>
    protected override HookedTransformerConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile))
            .Ignore("n_params", "n_devices", "seed", "model_name", "rotary_dim", "NTK_by_parts_low_freq_factor", "NTK_by_parts_high_freq_factor", "NTK_by_parts_factor", "window_size", "ungroup_grouped_query_attention");
        var (heads, headWidth) = (json.Int("n_heads"), json.Int("d_head"));
        var norm = json.Text("normalization_type", "none");
        json.Require(norm is "LN" or "LNPre" or "RMS" or "RMSPre", $"'normalization_type' {norm} is not built; LN, LNPre, RMS and RMSPre are");
        var positions = json.Text("positional_embedding_type", "standard");
        json.Require(positions is "standard" or "rotary", $"'positional_embedding_type' {positions} is not built; standard and rotary are");
        json.Require(json.Text("attention_dir", "causal") == "causal", "'attention_dir' other than causal is not built");
        foreach (var key in new[] { "use_local_attn", "use_NTK_by_parts_rope", "num_experts", "parallel_attn_mlp_ln", "use_qk_norm", "post_embedding_ln" })
            json.Require(!json.IsSwitchedOn(key), $"'{key}' is not built");
        var vocabulary = json.Int("d_vocab");
        var scale = json.Double("attn_scale", -1);
        var alone = json.Bool("attn_only", false);
        if (alone)
        {
            // Files say what an MLP would be like even where there is none.
            json.Ignore("d_mlp", "act_fn", "gated_mlp");
            json.Require(!json.IsSwitchedOn("parallel_attn_mlp") && !json.IsSwitchedOn("use_normalization_before_and_after"), "'attn_only' beside parallel branches or norms after branches is not built");
        }
        var config = new HookedTransformerConfig
        {
            Width = json.Int("d_model"),
            Layers = json.Int("n_layers"),
            Heads = heads,
            KeyHeads = json.Int("n_key_value_heads", heads),
            HeadWidth = headWidth,
            Hidden = alone ? null : json.Int("d_mlp"),
            Vocabulary = vocabulary,
            Outputs = json.AnyInt("d_vocab_out", -1) is > 0 and var outputs ? outputs : vocabulary,
            Context = json.Int("n_ctx"),
            Activation = alone ? "relu" : json.Activation("act_fn"),
            Eps = json.Double("eps", 1e-5),
            RootMeanSquare = norm.StartsWith("RMS", StringComparison.Ordinal),
            FinalRootMeanSquare = norm.StartsWith("RMS", StringComparison.Ordinal) || json.Bool("final_rms", false),
            NormWeights = !norm.EndsWith("Pre", StringComparison.Ordinal),
            Gated = !alone && json.Bool("gated_mlp", false),
            Parallel = json.Bool("parallel_attn_mlp", false),
            PostNorms = json.Bool("use_normalization_before_and_after", false),
            ScoreScale = !json.Bool("use_attn_scale", true) ? 1 : scale > 0 ? scale : Math.Sqrt(headWidth),
            ScalesByLayer = json.Bool("scale_attn_by_inverse_layer_idx", false),
            ScoreCap = json.Double("attn_scores_soft_cap", -1) is > 0 and var scoreCap ? scoreCap : null,
            LogitCap = json.Double("output_logits_soft_cap", -1) is > 0 and var logitCap ? logitCap : null,
            RotaryWidth = positions == "rotary" ? json.Int("rotary_dim", headWidth) : null,
            Pairs = json.Bool("rotary_adjacent_pairs", false) ? RotaryPairs.Neighbours : RotaryPairs.Halves,
            Rope = RopeSettings.Read(json, 1, thetaKey: "rotary_base"),
        };
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(HookedTransformerConfig config)
    {
        var rotary = config.RotaryWidth is { } turned ? new TokenRotary(turned, config.Rope, config.Pairs) : null;
        var norm = config.RootMeanSquare ? RmsNorm.With(config.Eps) : LayerNorm.With(config.Eps);
        return new CausalLm(
            new CausalLmOptions
            {
                Vocabulary = config.Vocabulary,
                Outputs = config.Outputs,
                Width = config.Width,
                Layers = config.Layers,
                Context = config.Context,
                PositionTable = rotary is null,
                Norm = config.FinalRootMeanSquare ? RmsNorm.With(config.Eps) : norm,
                HeadBias = true,
                LogitCap = config.LogitCap,
                Rotaries = rotary is null ? [] : [rotary],
            },
            i => new Block(
                new Attention(new AttentionOptions
                {
                    Width = config.Width,
                    Heads = config.Heads,
                    KeyHeads = config.KeyHeads,
                    HeadWidth = config.HeadWidth,
                    Causal = true,
                    Scale = 1 / (config.ScoreScale * (config.ScalesByLayer ? i + 1 : 1)),
                    SoftCap = config.ScoreCap,
                    Rotary = rotary,
                }),
                config.Hidden is not { } hidden ? null
                    : config.Gated ? new GatedMlp(config.Width, hidden, Activation.Named(config.Activation), bias: true)
                    : new Mlp(config.Width, hidden, Activation.Named(config.Activation)),
                norm,
                new BlockOptions { Parallel = config.Parallel, PostNorms = config.PostNorms }));
    }

    /// <inheritdoc/>
    protected override WeightMap Weights(HookedTransformerConfig config, TensorSource source)
    {
        var grouped = config.KeyHeads != config.Heads ? "_" : "";
        var map = new WeightMap()
            .Copy("token_embed", "embed.W_E")
            .Copy("head.weight", "unembed.W_U", Turned).Copy("head.bias", "unembed.b_U")
            .Ignore("*.attn.mask", "the causal mask").Ignore("*.attn.IGNORE", "what masked scores become")
            .Ignore("*.attn.rotary_*", "it follows from the configuration");
        if (config.RotaryWidth is null) map.Copy("pos_embed", "pos_embed.W_pos");
        Norm(map, "ln_final", config.FinalRootMeanSquare);
        return map.PerBlock(config.Layers, "blocks.{i}.", "blocks.{i}.", block =>
        {
            Norm(block, "ln1", config.RootMeanSquare);
            if (config.Hidden is not null) Norm(block, "ln2", config.RootMeanSquare);
            if (config.PostNorms)
            {
                Norm(block, "ln1_post", config.RootMeanSquare);
                Norm(block, "ln2_post", config.RootMeanSquare);
            }
            block.Stack("attn.qkv.weight", Reading, "attn.W_Q", $"attn.{grouped}W_K", $"attn.{grouped}W_V")
                .Stack("attn.qkv.bias", bias => bias.flatten(), "attn.b_Q", $"attn.{grouped}b_K", $"attn.{grouped}b_V")
                .Copy("attn.out.weight", "attn.W_O", weight => weight.flatten(0, 1).t()).Copy("attn.out.bias", "attn.b_O");
            if (config.Hidden is null) return;
            block.Copy("mlp.out.weight", "mlp.W_out", Turned).Copy("mlp.out.bias", "mlp.b_out");
            // What a gated MLP adds after the gate has the bias; the gate itself has none.
            if (config.Gated) block.Stack("mlp.in.weight", Turned, "mlp.W_gate", "mlp.W_in").Stack("mlp.in.bias", GatedBias, "mlp.b_in");
            else block.Copy("mlp.in.weight", "mlp.W_in", Turned).Copy("mlp.in.bias", "mlp.b_in");
        });

        void Norm(WeightMap to, string name, bool rootMeanSquare)
        {
            if (config.NormWeights) to.Copy(name + ".weight", name + ".w");
            else to.Fill(name + ".weight", 1, "folded into what reads the norm");
            if (rootMeanSquare) return;
            if (config.NormWeights) to.Copy(name + ".bias", name + ".b");
            else to.Fill(name + ".bias", 0, "folded into what reads the norm");
        }

        // [H, d, k] → [H·k, d].
        static Tensor Reading(Tensor weight) => weight.transpose(1, 2).flatten(0, 1);

        static Tensor Turned(Tensor weight) => weight.t();

        static Tensor GatedBias(Tensor bias) => cat([bias.zeros_like(), bias]);
    }
}
