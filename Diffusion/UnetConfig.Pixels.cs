using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>How a UNet2DModel's configuration reads: its heads have a width, not a number, and nothing is told to the U-net but the time and a class.</summary>
public sealed partial record UnetConfig
{
    /// <summary>Reads diffusers' layout of U-nets without text.</summary>
    /// <exception cref="CheckpointException">Lists every fault: what is missing, what is not built.</exception>
    public static UnetConfig ReadPixels(ConfigReader json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var down = json.Texts("down_block_types", "DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D");
        var up = json.Texts("up_block_types", "AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D");
        var levels = down.Count;
        json.Require(up.Count == levels, $"'up_block_types' has {up.Count} entries, 'down_block_types' {levels}");
        json.RequireText("time_embedding_type", "positional").RequireText("downsample_type", "conv").RequireText("upsample_type", "conv");
        json.RefuseSwitchedOn("class_embed_type");
        var channels = json.IsList("block_out_channels") || levels != 4 ? json.Ints("block_out_channels", levels) : [224, 448, 672, 896];
        var headWidth = json.IsNull("attention_head_dim") ? 0 : json.Int("attention_head_dim", 8);
        json.Ignore("attention_head_dim", "num_class_embeds", "attn_norm_num_groups", "num_train_timesteps",
            "decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step");  // left by averaging in training
        var (groups, scales) = (json.Int("norm_num_groups", 32), TimeScalesIn(json));
        var config = new UnetConfig
        {
            Inputs = json.Int("in_channels", 3),
            Outputs = json.Int("out_channels", 3),
            Side = json.Has("sample_size") ? json.Side("sample_size") : 0,
            CentresSample = json.Bool("center_input_sample", false),
            Channels = channels,
            Layers = json.Ints("layers_per_block", levels, 2),
            DownAttends = Attends(json, down, "down_block_types", "DownBlock2D", "Attn"),
            UpAttends = Attends(json, up, "up_block_types", "UpBlock2D", "Attn"),
            Mid = PixelMid(json),
            MidScale = json.Double("mid_block_scale_factor", 1),
            MidAttentionGroups = json.Has("attn_norm_num_groups") ? json.Int("attn_norm_num_groups") : scales ? 0 : groups,
            Heads = [.. channels.Select(width => headWidth == 0 ? 1 : width / headWidth)],
            TimeScales = scales,
            Classes = json.Has("num_class_embeds") ? json.Int("num_class_embeds") : 0,
            DownsamplePadding = json.AnyInt("downsample_padding", 1),
            Groups = groups,
            Eps = json.Double("norm_eps", 1e-5),
            Activation = json.Activation("act_fn", "silu"),
            CosineFirst = json.Bool("flip_sin_to_cos", true),
            FrequencyShift = json.Double("freq_shift", 0),
            TimeWidth = json.Int("time_embedding_dim", 4 * channels[0]),
        };
        json.Require(channels.All(width => width % groups == 0), $"'norm_num_groups' = {groups} does not divide every one of the channels {string.Join(", ", channels)}");
        json.Require(headWidth == 0 || AttendedChannels(config).All(width => width % headWidth == 0), $"'attention_head_dim' = {headWidth} does not divide the channels of every level that attends: {string.Join(", ", channels)}");
        json.Finish();
        return config;
    }

    private static IEnumerable<int> AttendedChannels(UnetConfig config) => config.Channels
        .Where((_, level) => config.DownAttends[level] || config.UpAttends[config.Channels.Count - 1 - level] || (config.Mid == UnetMid.Attends && level == config.Channels.Count - 1));

    private static UnetMid PixelMid(ConfigReader json)
    {
        var attends = json.Bool("add_attention", true);
        if (json.IsNull("mid_block_type"))
        {
            json.Ignore("mid_block_type");
            return UnetMid.None;
        }
        json.RequireText("mid_block_type", "UNetMidBlock2D");
        return attends ? UnetMid.Attends : UnetMid.Pair;
    }
}
