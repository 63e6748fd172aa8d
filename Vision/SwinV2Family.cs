using Prisma.Core;

namespace Prisma.Vision;

/// <summary>
/// Swin Transformer V2 (Liu et al. 2022) in the Hugging Face layout: Swinv2Model, Swinv2ForImageClassification. Windows and shifts follow from
/// the picture size of the checkpoint; a picture of another size is padded to whole windows, as in the reference. Learned absolute positions are
/// not built.
/// </summary>
public sealed class SwinV2Family : ModelFamily<SwinConfig>
{
    /// <inheritdoc/>
    public override string Name => "swinv2";

    /// <inheritdoc/>
    protected override SwinConfig TinyConfig => new()
    {
        Width = 8,
        Depths = [2, 2],
        Heads = [2, 2],
        Windows = [(3, 3), (3, 3)],
        Shifts = [(1, 1), (1, 1)],
        PadsFirst = true,
        Patch = 2,
        MlpRatio = 2,
        Classes = 5,
        V2 = new() { PretrainedWindows = [0, 2] },
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "swinv2";

    /// <inheritdoc/>
    protected override SwinConfig ReadConfig(ModelFolder folder)
    {
        var json = SwinFamily.Open(folder, "Swinv2Model", "Swinv2ForImageClassification");
        var (depths, heads) = (json.Ints("depths", [2, 2, 6, 2]), json.Ints("num_heads", [3, 6, 12, 24]));
        var pretrained = SwinConfig.ReadPretrainedWindows(json, depths.Count);
        json.Require(depths.Count == heads.Count, $"'depths' names {depths.Count} stages, 'num_heads' {heads.Count}").Check();
        var (window, patch, image) = (json.Side("window_size", 7), json.Side("patch_size", 4), json.Sides("image_size", 224));
        var grids = depths.Select((_, stage) => (Rows: image.Height / patch >> stage, Columns: image.Width / patch >> stage)).ToList();
        json.Require(image.Height == image.Width, $"pictures of {image.Height} × {image.Width} are not built, whose windows the reference takes by their rows alone");
        var config = new SwinConfig
        {
            Width = json.Int("embed_dim", 96),
            Depths = depths,
            Heads = heads,
            // No window is greater than the grid, and where it holds all of it nothing shifts.
            Windows = [.. grids.Select(grid => (Math.Min(window, grid.Rows), Math.Min(window, grid.Columns)))],
            Shifts = [.. grids.Select(grid => grid.Rows <= window ? (0, 0) : (window / 2, window / 2))],
            PadsFirst = true,
            MlpRatio = json.Double("mlp_ratio", 4),
            Patch = patch,
            Channels = json.Int("num_channels", 3),
            Activation = json.Activation("hidden_act", "gelu"),
            Eps = json.Double("layer_norm_eps", 1e-5),
            QkvBias = json.Bool("qkv_bias", true),
            Classes = SwinFamily.Classifies(folder) ? HuggingFaceVit.Classes(folder) : 0,
            V2 = new() { PretrainedWindows = pretrained },
        };
        config.Check(json);
        for (var stage = 0; stage < grids.Count; stage++)
            json.Require(config.Windows[stage].Rows > 1, $"a picture of {image.Height} pixels leaves too little of stage {stage}");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(SwinConfig config) => new Swin(config, SwinFamily.Outputs);

    /// <inheritdoc/>
    protected override WeightMap Weights(SwinConfig config, TensorSource source) => SwinFamily.Map(config, source, "swinv2.", block =>
    {
        const string Self = SwinFamily.Self;
        block.Copy("attn.cosine_scale", Self + "logit_scale").Pair("bias.in", Self + "continuous_position_bias_mlp.0").Copy("bias.out.weight", Self + "continuous_position_bias_mlp.2.weight");
        if (config.QkvBias) block.Stack("attn.qkv.bias", Self + "query.bias", WeightMap.Zeros, Self + "value.bias");
    }).Ignore("*relative_coords_table", "follows from the window");
}
