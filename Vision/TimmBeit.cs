using System.Text.Json;
using Prisma.Core;

namespace Prisma.Vision;

/// <summary>
/// timm's Beit: BEiT and BEiT v2. Relative positions per block or shared, keys without bias, layer scale. timm takes the checkpoint's
/// picture size only; other sizes resample here as in <see cref="BeitFamily"/>.
/// </summary>
public sealed class TimmBeitFamily : ModelFamily<TimmVitConfig>
{
    private static readonly Lazy<IReadOnlyDictionary<string, JsonElement>> s_table = new(() => TimmArguments.Table("beit"));

    /// <inheritdoc/>
    public override string Name => "timm_beit";

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
            Relative = RelativePositions.Shared,
            LayerScale = true,
        },
        Pool = TimmPool.Average,
        Norm = false,
        PooledNorm = true,
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.Config.TryGetProperty("architecture", out _) && s_table.Value.ContainsKey(folder.Architecture);

    /// <inheritdoc/>
    protected override TimmVitConfig ReadConfig(ModelFolder folder)
    {
        var json = TimmArguments.Read(folder, s_table.Value).Ignore(TimmVitConfig.Idle);
        var (rootMeanSquare, eps) = TimmVitConfig.ReadNorm(json);
        var pool = TimmVitConfig.ReadPool(json, "avg");
        var (width, patch, gated) = (json.Int("embed_dim", 768), json.Side("patch_size", 16), json.Bool("swiglu_mlp", false));
        var (height, across) = json.Sides("img_size", 224);
        var (own, shared) = (json.Bool("use_rel_pos_bias", false), json.Bool("use_shared_rel_pos_bias", false));
        json.Require(!own || !shared, "relative positions per block and shared ones at once are not built")
            .Require(pool is TimmPool.Average or TimmPool.Token, "only global_pool avg and token are built");
        var stack = new VitStackConfig
        {
            Width = width,
            Layers = json.Int("depth", 12),
            Heads = json.Int("num_heads", 12),
            Hidden = (int)(width * json.Double("mlp_ratio", 4)),
            Patch = patch,
            Rows = height / patch,
            Columns = across / patch,
            Channels = json.Int("in_chans", 3),
            Positions = json.Bool("use_abs_pos_emb", true) ? VitPositions.All : VitPositions.None,
            Antialias = true,
            Relative = own ? RelativePositions.PerBlock : shared ? RelativePositions.Shared : RelativePositions.None,
            RootMeanSquare = rootMeanSquare,
            Eps = eps,
            Activation = gated ? "silu" : "gelu",
            Gated = gated,
            NeuronNorm = json.Bool("scale_mlp", false),
            QkvBias = json.Bool("qkv_bias", true),
            LayerScale = json.Double("init_values", 0) != 0,
        };
        stack.Check(json);
        var config = new TimmVitConfig
        {
            Stack = stack,
            Pool = pool,
            Norm = pool != TimmPool.Average,
            PooledNorm = pool == TimmPool.Average,
            Classes = json.AnyInt("num_classes", 1000),
        };
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(TimmVitConfig config) => new TimmVit(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(TimmVitConfig config, TensorSource source) =>
        new WeightMap().Timm(config, source).Ignore("*relative_position_index", "follows from the grid");
}
