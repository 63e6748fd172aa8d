using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// timm's SwinTransformerV2 (Liu et al. 2022). Windows follow from the picture size of the checkpoint, whose grids they must divide; a picture of
/// another size is cut into as many of them as it needs, where timm would build other windows.
/// </summary>
public sealed class TimmSwinV2Family : ModelFamily<SwinConfig>
{
    private static readonly Lazy<IReadOnlyDictionary<string, JsonElement>> s_table = new(() => TimmArguments.Table("swinv2"));

    /// <inheritdoc/>
    public override string Name => "timm_swinv2";

    /// <inheritdoc/>
    protected override SwinConfig TinyConfig => new()
    {
        Width = 8,
        Depths = [2, 2],
        Heads = [2, 2],
        Windows = [(4, 4), (2, 2)],
        Shifts = [(2, 2), (0, 1)],
        Patch = 2,
        MlpRatio = 2,
        V2 = new() { PretrainedWindows = [3, 0] },
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.Config.TryGetProperty("architecture", out _) && s_table.Value.ContainsKey(folder.Architecture);

    /// <inheritdoc/>
    protected override SwinConfig ReadConfig(ModelFolder folder)
    {
        var json = TimmArguments.Read(folder, s_table.Value).Ignore(TimmVitConfig.Idle);
        json.Require(json.Text("global_pool", "avg") == "avg", "only global_pool avg is built").Require(!json.IsSwitchedOn("always_partition"), "'always_partition' is not built")
            .Require(!json.Has("norm_layer") && !json.Has("act_layer"), "'norm_layer' and 'act_layer' other than the defaults are not built");
        var (depths, heads) = (json.Ints("depths", [2, 2, 6, 2]), json.Ints("num_heads", [3, 6, 12, 24]));
        var pretrained = SwinConfig.ReadPretrainedWindows(json, depths.Count);
        var (wanted, (height, width), patch) = (json.Sides("window_size", 7), json.Sides("img_size", 224), json.Side("patch_size", 4));
        json.Require(depths.Count == heads.Count, $"'depths' names {depths.Count} stages, 'num_heads' {heads.Count}").Check();
        var grids = depths.Select((_, stage) => (Rows: height / patch >> stage, Columns: width / patch >> stage)).ToList();
        // No window is greater than the grid, and where it holds a whole side nothing shifts along it.
        var windows = grids.Select(grid => (Rows: Math.Min(wanted.Height, grid.Rows), Columns: Math.Min(wanted.Width, grid.Columns))).ToList();
        var config = new SwinConfig
        {
            Width = json.Int("embed_dim", 96),
            Depths = depths,
            Heads = heads,
            Windows = windows,
            Shifts = [.. grids.Select(grid => (grid.Rows <= wanted.Height ? 0 : wanted.Height / 2, grid.Columns <= wanted.Width ? 0 : wanted.Width / 2))],
            MlpRatio = json.Double("mlp_ratio", 4),
            Patch = patch,
            Channels = json.Int("in_chans", 3),
            QkvBias = json.Bool("qkv_bias", true),
            Classes = json.AnyInt("num_classes", 1000),
            V2 = new() { PretrainedWindows = pretrained },
        };
        config.Check(json);
        for (var stage = 0; stage < windows.Count; stage++)
            json.Require(grids[stage] is { Rows: > 0, Columns: > 0 } && windows[stage] is { Rows: > 1, Columns: > 1 }, $"a picture of {height} × {width} leaves too little of stage {stage}")
                .Require(windows[stage].Rows < 2 || windows[stage].Columns < 2 || (grids[stage].Rows % windows[stage].Rows == 0 && grids[stage].Columns % windows[stage].Columns == 0),
                $"windows of {windows[stage].Rows} × {windows[stage].Columns} do not divide the grid of {grids[stage].Rows} × {grids[stage].Columns} of stage {stage}");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(SwinConfig config) => new Swin(config, TimmSwinFamily.Outputs);

    /// <inheritdoc/>
    protected override WeightMap Weights(SwinConfig config, TensorSource source) => TimmSwinFamily.Map(config, block =>
    {
        block.Copy("attn.cosine_scale", "attn.logit_scale").Pair("bias.in", "attn.cpb_mlp.0").Copy("bias.out.weight", "attn.cpb_mlp.2.weight");
        if (config.QkvBias) block.Stack("attn.qkv.bias", "attn.q_bias", WeightMap.Zeros, "attn.v_bias");
    }).Ignore("*relative_coords_table", "follows from the window").Ignore("*attn.k_bias", "keys have no bias; it holds zeros");
}
