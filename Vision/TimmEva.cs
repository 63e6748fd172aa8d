using System.Text.Json;
using Prisma.Core;

namespace Prisma.Vision;

/// <summary>
/// timm's Eva: EVA, EVA-02, EVA-CLIP's image towers, DINOv3, Perception Encoder and the ViTs with rotary positions. Beside what
/// <see cref="TimmVitFamily"/> has: rotations by row and column, norms inside attention and MLP, keys without bias. Per-block learned
/// rotations (rope_type mixed) are not built. Other picture sizes interpolate the learned positions as timm does.
/// </summary>
public sealed class TimmEvaFamily : ModelFamily<TimmVitConfig>
{
    private static readonly Lazy<IReadOnlyDictionary<string, JsonElement>> s_table = new(() => TimmArguments.Table("eva"));

    /// <inheritdoc/>
    public override string Name => "timm_eva";

    /// <inheritdoc/>
    protected override TimmVitConfig TinyConfig => new()
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
            Eps = 1e-6,
            Gated = true,
            Activation = "silu",
            AttentionNorm = true,
            NeuronNorm = true,
            LayerScale = true,
            Rotary = new() { Reference = (3, 3) },
        },
        Pool = TimmPool.Average,
        Norm = false,
        PooledNorm = true,
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.Config.TryGetProperty("architecture", out _) && s_table.Value.ContainsKey(folder.Architecture);

    /// <inheritdoc/>
    protected override TimmVitConfig ReadConfig(ModelFolder folder) => Read(TimmArguments.Read(folder, s_table.Value));

    /// <inheritdoc/>
    protected override HookedModel Build(TimmVitConfig config) => new TimmVit(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(TimmVitConfig config, TensorSource source) => new WeightMap().Timm(config, source).Ignore("rope.*", "follows from the grid");

    /// <summary>Reads the arguments of timm's Eva; their reading is finished here.</summary>
    /// <exception cref="CheckpointException">Lists every fault.</exception>
    internal static TimmVitConfig Read(ConfigReader json)
    {
        json.Ignore(TimmVitConfig.Idle).Require(!json.IsSwitchedOn("dynamic_img_pad"), "'dynamic_img_pad' is not built")
            .Require(!json.IsSwitchedOn("gated_attn"), "'gated_attn' is not built");
        var attention = json.Text("attn_type", "eva");
        json.Require(attention is "eva" or "rope", $"attn_type '{attention}' is not built; eva and rope are");
        json.Bool("qkv_fused", true);
        var (rootMeanSquare, eps) = TimmVitConfig.ReadNorm(json);
        var pool = TimmVitConfig.ReadPool(json, "avg");
        var (width, patch, ratio) = (json.Int("embed_dim", 768), json.Side("patch_size", 16), json.Double("mlp_ratio", 4));
        var (height, across) = json.Sides("img_size", 224);
        var preNorm = json.Bool("use_pre_transformer_norm", false);
        var gated = json.Bool("swiglu_mlp", false);
        var stack = new VitStackConfig
        {
            Width = width,
            Layers = json.Int("depth", 12),
            Heads = json.Int("num_heads", 12),
            Hidden = Aligned((int)(width * ratio), gated ? json.AnyInt("swiglu_align_to", 0) : 0),
            Patch = patch,
            Rows = height / patch,
            Columns = across / patch,
            Channels = json.Int("in_chans", 3),
            PatchBias = !preNorm,
            ClassToken = json.Bool("class_token", true),
            Registers = json.AnyInt("num_reg_tokens", 0),
            Positions = !json.Bool("use_abs_pos_emb", true) ? VitPositions.None : json.Bool("no_embed_class", false) ? VitPositions.Patches : VitPositions.All,
            Antialias = true,
            PreNorm = preNorm,
            PostNorm = json.Bool("use_post_norm", false),
            RootMeanSquare = rootMeanSquare,
            Eps = eps,
            Activation = gated ? "silu" : "gelu",
            Gated = gated,
            QkvBias = json.Bool("qkv_bias", true),
            LayerScale = json.Has("init_values"),
            AttentionNorm = json.Bool("scale_attn_inner", false),
            NeuronNorm = json.Bool("scale_mlp", false),
            Rotary = json.Bool("use_rot_pos_emb", false) ? ReadRotary(json) : null,
        };
        json.Ignore("init_values", "rope_temperature", "rope_grid_offset", "no_embed_class", "swiglu_align_to");
        stack.Check(json);
        var pooledNorm = json.Has("use_fc_norm") ? json.Bool("use_fc_norm", false) : pool == TimmPool.Average;
        var norm = json.Has("use_post_transformer_norm") ? json.Bool("use_post_transformer_norm", false) : !pooledNorm;
        json.Require(!norm || !pooledNorm, "a norm before and another after pooling are not built");
        var config = new TimmVitConfig
        {
            Stack = stack,
            Pool = pool,
            PoolsPrefix = pool == TimmPool.Attention,  // Eva pools all tokens by attention, and the patches otherwise
            PoolHeads = json.Int("attn_pool_num_heads", stack.Heads),
            PoolHidden = (int)(width * json.Double("attn_pool_mlp_ratio", ratio)),
            Norm = norm,
            PooledNorm = pooledNorm,
            Classes = json.AnyInt("num_classes", 1000),
        };
        json.Require(stack.ClassToken || stack.Registers > 0 || pool != TimmPool.Token, "pooling the first token needs one before the patches")
            .Require(pool != TimmPool.None || config.Classes == 0, "a classifier on every token is not built")
            .Require(stack.Registers >= 0 && config.Classes >= 0, "'num_reg_tokens' and 'num_classes' are no negative numbers");
        json.Finish();
        return config;
    }

    private static int Aligned(int hidden, int step) => step > 0 ? (hidden + step - 1) / step * step : hidden;

    private static GridRotaryOptions ReadRotary(ConfigReader json)
    {
        var kind = json.Text("rope_type", "cat");
        json.Require(kind is "cat" or "dinov3", $"rope_type '{kind}' is not built; cat and dinov3 are");
        var indexing = json.Text("rope_grid_indexing", "ij");
        json.Require(indexing is "ij" or "xy", $"rope_grid_indexing '{indexing}' is not built; ij and xy are");
        var (centred, halves) = (kind == "dinov3", json.Bool("rope_rotate_half", false));
        json.Require(centred == halves, $"rope_type {kind} with rope_rotate_half {(halves ? "on" : "off")} is not built");
        return new GridRotaryOptions
        {
            Theta = json.Double("rope_temperature", 10000),
            Centred = centred,
            Offset = centred ? 0 : json.Double("rope_grid_offset", 0),
            Reference = json.Has("ref_feat_shape") && !centred ? json.Sides("ref_feat_shape", 1) : null,
            ColumnsFirst = indexing == "xy" && !centred,
            Pairs = halves ? RotaryPairs.Halves : RotaryPairs.Neighbours,
        };
    }
}
