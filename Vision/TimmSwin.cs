using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// timm's SwinTransformer. Windows follow from the picture size of the checkpoint; a picture of another size is cut into as many of them as
/// it needs, where timm would build other windows.
/// </summary>
public sealed class TimmSwinFamily : ModelFamily<SwinConfig>
{
    private static readonly Lazy<IReadOnlyDictionary<string, JsonElement>> s_table = new(() => TimmArguments.Table("swin"));

    /// <inheritdoc/>
    public override string Name => "timm_swin";

    /// <inheritdoc/>
    protected override SwinConfig TinyConfig => new()
    {
        Width = 8,
        Depths = [2, 2],
        Heads = [2, 2],
        Windows = [(3, 4), (2, 2)],
        Shifts = [(1, 2), (0, 1)],
        Patch = 2,
        MlpRatio = 2,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.Config.TryGetProperty("architecture", out _) && s_table.Value.ContainsKey(folder.Architecture);

    /// <inheritdoc/>
    protected override SwinConfig ReadConfig(ModelFolder folder)
    {
        var json = TimmArguments.Read(folder, s_table.Value).Ignore(TimmVitConfig.Idle);
        json.Require(json.Text("global_pool", "avg") == "avg", "only global_pool avg is built").Require(!json.IsSwitchedOn("always_partition"), "'always_partition' is not built")
            .Require(!json.Has("head_dim"), "'head_dim' is not built").Require(!json.Has("norm_layer"), "'norm_layer' other than the default is not built");
        var (depths, heads) = (json.Ints("depths", [2, 2, 6, 2]), json.Ints("num_heads", [3, 6, 12, 24]));
        var windows = json.IsList("window_size") ? json.Ints("window_size", [7, 7]) : [.. Enumerable.Repeat(json.Int("window_size", 7), 2)];
        json.Require(depths.Count == heads.Count && (windows.Count == depths.Count || windows.Count == 2), $"'depths' names {depths.Count} stages, 'num_heads' {heads.Count}, 'window_size' {windows.Count}").Check();
        var ((height, width), patch) = (json.Sides("img_size", 224), json.Side("patch_size", 4));
        // Two numbers are rows and columns of every stage's windows, more are a side for each stage.
        var wanted = depths.Select((_, stage) => windows.Count == 2 ? (Rows: windows[0], Columns: windows[1]) : (Rows: windows[stage], Columns: windows[stage])).ToList();
        var grids = depths.Select((_, stage) => (Rows: height / patch >> stage, Columns: width / patch >> stage)).ToList();
        var config = new SwinConfig
        {
            Width = json.Int("embed_dim", 96),
            Depths = depths,
            Heads = heads,
            // No window is greater than the grid, and where it holds a whole side nothing shifts along it.
            Windows = [.. wanted.Zip(grids, (window, grid) => (Math.Min(window.Rows, grid.Rows), Math.Min(window.Columns, grid.Columns)))],
            Shifts = [.. wanted.Zip(grids, (window, grid) => (grid.Rows <= window.Rows ? 0 : window.Rows / 2, grid.Columns <= window.Columns ? 0 : window.Columns / 2))],
            MlpRatio = json.Double("mlp_ratio", 4),
            Patch = patch,
            Channels = json.Int("in_chans", 3),
            QkvBias = json.Bool("qkv_bias", true),
            Classes = json.AnyInt("num_classes", 1000),
        };
        config.Check(json);
        for (var stage = 0; stage < heads.Count; stage++)
            json.Require(grids[stage] is { Rows: > 0, Columns: > 0 }, $"a picture of {height} × {width} leaves nothing of stage {stage}");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(SwinConfig config) => new Swin(config, Outputs);

    /// <inheritdoc/>
    protected override WeightMap Weights(SwinConfig config, TensorSource source) => Map(config, block =>
    {
        block.Copy("bias_table", "attn.relative_position_bias_table");
        if (config.QkvBias) block.Copy("attn.qkv.bias", "attn.qkv.bias");
    });

    /// <summary>What both versions of Swin call alike.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="attention">Adds to a block what its version's attention calls its own.</param>
    internal static WeightMap Map(SwinConfig config, Action<WeightMap> attention)
    {
        var map = new WeightMap().Pair("patch", "patch_embed.proj").Pair("ln_pre", "patch_embed.norm").Pair("ln_final", "norm")
            .Ignore("*relative_position_index", "follows from the window").Ignore("*attn_mask", "follows from the window");
        for (var (stage, number) = (0, 0); stage < config.Depths.Count; stage++)
        {
            if (stage > 0) map.Pair($"merge.{stage}.ln", $"layers.{stage}.downsample.norm").Copy($"merge.{stage}.reduction.weight", $"layers.{stage}.downsample.reduction.weight");
            for (var i = 0; i < config.Depths[stage]; i++, number++)
                map.Under($"blocks.{number}.", $"layers.{stage}.blocks.{i}.", block =>
                {
                    block.Pair("ln1", "norm1").Pair("ln2", "norm2").Copy("attn.qkv.weight", "attn.qkv.weight")
                        .Pair("attn.out", "attn.proj").Pair("mlp.in", "mlp.fc1").Pair("mlp.out", "mlp.fc2");
                    attention(block);
                });
        }
        return config.Classes > 0 ? map.Pair("head", "head.fc") : map;
    }

    internal static ModelOutput Outputs(Tensor x, Tensor pooled, Tensor? logits, TokenLayout layout) => new ModelOutput()
        .With("logits", logits ?? pooled).With("pre_logits", pooled).With("forward_features", x.view(x.shape[0], layout.Rows, layout.Columns, x.shape[2]));
}
