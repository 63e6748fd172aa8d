using Prisma.Core;

namespace Prisma.Vision;

/// <summary>Reads the keys that Hugging Face's plain vision transformers have in common.</summary>
internal static class HuggingFaceVit
{
    /// <summary>The stack of a configuration; what a family has beside is added with <c>with</c>.</summary>
    /// <param name="json">The configuration.</param>
    /// <param name="eps">The family's default ε.</param>
    /// <param name="mlpRatio">Whether d_mlp is given as a multiple of d_model.</param>
    /// <param name="activation">The family's default activation.</param>
    internal static VitStackConfig Read(ConfigReader json, double eps, bool mlpRatio = false, string activation = "gelu")
    {
        var width = json.Int("hidden_size", 768);
        var side = json.Side("patch_size", 16);
        var grid = json.Side("image_size", 224) / side;
        return new VitStackConfig
        {
            Width = width,
            Layers = json.Int("num_hidden_layers", 12),
            Heads = json.Int("num_attention_heads", 12),
            Hidden = mlpRatio ? (int)(width * json.Double("mlp_ratio", 4)) : json.Int("intermediate_size", 3072),
            Patch = side,
            Rows = grid,
            Columns = grid,
            Channels = json.Int("num_channels", 3),
            Activation = json.Activation("hidden_act", activation),
            Eps = json.Double("layer_norm_eps", eps),
            QkvBias = json.Bool("qkv_bias", true),
        };
    }

    /// <summary>The number of classes: the labels', or the reference's default.</summary>
    internal static int Classes(ModelFolder folder) => folder.Labels().Count is > 0 and var labels ? labels
        : folder.Config.TryGetProperty("num_labels", out var count) && count.TryGetInt32(out var number) && number > 0 ? number
        : 2;
}
