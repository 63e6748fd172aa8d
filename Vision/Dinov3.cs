using Prisma.Core;
using Prisma.Text;

namespace Prisma.Vision;

/// <summary>What of a Hugging Face DINOv3's configuration enters the forward pass.</summary>
public sealed record Dinov3Config
{
    /// <summary>The stack.</summary>
    public required VitStackConfig Stack { get; init; }

    /// <summary>Whether queries, keys and values have biases, each for itself.</summary>
    public (bool Query, bool Key, bool Value) Biases { get; init; } = (true, false, true);

    /// <summary>Whether attention's output has a bias.</summary>
    public bool AttentionBias { get; init; } = true;

    /// <summary>Whether the MLPs have biases.</summary>
    public bool MlpBias { get; init; } = true;
}

/// <summary>
/// DINOv3's vision transformers in the Hugging Face layout (Siméoni et al. 2025): DINOv3ViTModel. Registers, layer scale, MLP or gated MLP;
/// no learned positions but rotations by the patches' centres, so any picture size is at home.
/// </summary>
public sealed class Dinov3Family : ModelFamily<Dinov3Config>
{
    /// <inheritdoc/>
    public override string Name => "dinov3_vit";

    /// <inheritdoc/>
    protected override Dinov3Config TinyConfig => new()
    {
        Stack = new()
        {
            Width = 16,
            Layers = 2,
            Heads = 2,
            Hidden = 24,
            Patch = 4,
            Rows = 4,
            Columns = 4,
            Eps = 1e-5,
            Registers = 2,
            Positions = VitPositions.None,
            LayerScale = true,
            Gated = true,
            Activation = "silu",
            Rotary = Rotary(100),
        },
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "dinov3_vit";

    /// <inheritdoc/>
    protected override Dinov3Config ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile))
            .Ignore("layerscale_value", "pos_embed_shift", "pos_embed_jitter", "pos_embed_rescale");
        json.Require(folder.Architecture is "DINOv3ViTModel" or "", $"the architecture '{folder.Architecture}' is not built; DINOv3ViTModel is");
        var (patch, heads, width) = (json.Side("patch_size", 16), json.Int("num_attention_heads", 6), json.Int("hidden_size", 384));
        var grid = json.Side("image_size", 224) / patch;
        var biases = (Query: json.Bool("query_bias", true), Key: json.Bool("key_bias", false), Value: json.Bool("value_bias", true));
        var (attention, mlp) = (json.Bool("proj_bias", true), json.Bool("mlp_bias", true));
        var stack = new VitStackConfig
        {
            Width = width,
            Layers = json.Int("num_hidden_layers", 12),
            Heads = heads,
            Hidden = json.Int("intermediate_size", 1536),
            Patch = patch,
            Rows = grid,
            Columns = grid,
            Channels = json.Int("num_channels", 3),
            Registers = json.AnyInt("num_register_tokens", 0),
            Positions = VitPositions.None,
            Eps = json.Double("layer_norm_eps", 1e-5),
            Activation = json.Activation("hidden_act", "gelu"),
            Gated = json.Bool("use_gated_mlp", false),
            QkvBias = biases.Query || biases.Key || biases.Value,
            OutBias = attention || mlp,
            LayerScale = true,
            Rotary = Rotary(json.Double("rope_theta", 100)),
        };
        json.Require(stack.Registers >= 0, $"'num_register_tokens' is {stack.Registers}");
        stack.Check(json);
        json.Finish();
        return new Dinov3Config { Stack = stack, Biases = biases, AttentionBias = attention, MlpBias = mlp };
    }

    /// <inheritdoc/>
    protected override HookedModel Build(Dinov3Config config) => new Dinov3(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(Dinov3Config config, TensorSource source)
    {
        var stack = config.Stack;
        var root = ClipWeights.Prefix(source, "embeddings.cls_token", "");
        var layers = ClipWeights.Prefix(source, "layer.0.norm1.weight", root);
        return new WeightMap()
            .Under("", root, body =>
            {
                body.Copy("cls_token", "embeddings.cls_token").Pair("patch", "embeddings.patch_embeddings").Pair("ln_final", "norm")
                    .Ignore("embeddings.mask_token", "only masked pre-training reads it");
                if (stack.Registers > 0) body.Copy("reg_token", "embeddings.register_tokens");
                else body.Ignore("embeddings.register_tokens", "it has no elements");
            })
            .PerBlock(stack.Layers, "blocks.{i}.", layers + "layer.{i}.", block => Block(block, config));
    }

    private static void Block(WeightMap block, Dinov3Config config)
    {
        string Bias(bool has, string name) => has ? $"attention.{name}_proj.bias" : WeightMap.Zeros;
        var (stack, biases) = (config.Stack, config.Biases);
        block.Pair("ln1", "norm1").Pair("ln2", "norm2").Copy("ls1", "layer_scale1.lambda1").Copy("ls2", "layer_scale2.lambda1")
            .Stack("attn.qkv.weight", "attention.q_proj.weight", "attention.k_proj.weight", "attention.v_proj.weight")
            .Copy("attn.out.weight", "attention.o_proj.weight").Copy("mlp.out.weight", "mlp.down_proj.weight");
        if (stack.QkvBias) block.Stack("attn.qkv.bias", Bias(biases.Query, "q"), Bias(biases.Key, "k"), Bias(biases.Value, "v"));
        string[] into = stack.Gated ? ["mlp.gate_proj", "mlp.up_proj"] : ["mlp.up_proj"];
        block.Stack("mlp.in.weight", [.. into.Select(name => name + ".weight")]);
        if (!stack.OutBias) return;
        const string Because = "this part has no bias, another has";
        if (config.AttentionBias) block.Copy("attn.out.bias", "attention.o_proj.bias");
        else block.Fill("attn.out.bias", 0, Because);
        if (config.MlpBias) block.Copy("mlp.out.bias", "mlp.down_proj.bias").Stack("mlp.in.bias", [.. into.Select(name => name + ".bias")]);
        else block.Fill("mlp.out.bias", 0, Because).Fill("mlp.in.bias", 0, Because);
    }

    private static GridRotaryOptions Rotary(double theta) => new() { Theta = theta, Centred = true, Pairs = RotaryPairs.Halves };
}

/// <summary>The model of <see cref="Dinov3Family"/>: pixel_values [B, C, H, W] to the last hidden state and the class token.</summary>
public sealed class Dinov3 : VitModel
{
    private readonly ClosingNorm _norm;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public Dinov3(Dinov3Config config) : base(config.Stack) => _norm = Child("ln_final", new ClosingNorm(config.Stack.Width, config.Stack.Norm));

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = _norm.Forward(Stack.Forward(input["pixel_values"], run), run);
        return new ModelOutput().With("last_hidden_state", x).With("pooler_output", x.select(1, 0));
    }
}
