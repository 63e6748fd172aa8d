using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>How a UNet2DConditionModel's configuration reads.</summary>
public sealed partial record UnetConfig
{
    /// <summary>Reads diffusers' layout.</summary>
    /// <exception cref="CheckpointException">Lists every fault: what is missing, what is not built.</exception>
    public static UnetConfig Read(ConfigReader json)
    {
        Refuse(json);
        var down = json.Texts("down_block_types", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D");
        var up = json.Texts("up_block_types", "UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D");
        var levels = down.Count;
        json.Require(up.Count == levels, $"'up_block_types' has {up.Count} entries, 'down_block_types' {levels}");
        var channels = json.IsList("block_out_channels") ? json.Ints("block_out_channels", levels) : levels == 4 ? [320, 640, 1280, 1280] : json.Ints("block_out_channels", levels);
        var layers = json.Ints("layers_per_block", levels, 2);
        var (transformers, upTransformers) = Depths(json, layers);
        var added = json.Text("addition_embed_type", "");
        json.Require(added is "" or "text_time", $"'addition_embed_type' = '{added}' is not built; 'text_time' and null are");
        var config = new UnetConfig
        {
            Inputs = json.Int("in_channels", 4),
            Outputs = json.Int("out_channels", 4),
            Side = json.Has("sample_size") ? json.Side("sample_size") : 0,
            CentresSample = json.Bool("center_input_sample", false),
            Channels = channels,
            Layers = layers,
            DownAttends = Attends(json, down, "down_block_types", "DownBlock2D", "CrossAttn"),
            UpAttends = Attends(json, up, "up_block_types", "UpBlock2D", "CrossAttn"),
            Mid = MidOf(json),
            MidScale = json.Double("mid_block_scale_factor", 1),
            Heads = json.Ints("attention_head_dim", levels, 8),
            TransformerLayers = transformers,
            UpTransformerLayers = upTransformers,
            ReadsTextTwice = json.Bools("only_cross_attention", levels, false),
            TimeScales = TimeScalesIn(json),
            GuidanceWidth = json.Has("time_cond_proj_dim") ? json.Int("time_cond_proj_dim") : 0,
            Context = json.Ints("cross_attention_dim", levels, 1280),
            LinearProjection = json.Bool("use_linear_projection", false),
            UpcastAttention = json.Bool("upcast_attention", false),
            DownsamplePadding = json.AnyInt("downsample_padding", 1),
            Groups = json.Int("norm_num_groups", 32),
            Eps = json.Double("norm_eps", 1e-5),
            Activation = json.Activation("act_fn", "silu"),
            CosineFirst = json.Bool("flip_sin_to_cos", true),
            FrequencyShift = json.Double("freq_shift", 0),
            TimeWidth = json.Int("time_embedding_dim", 4 * channels[0]),
            AddedWaves = added.Length > 0 ? json.Int("addition_time_embed_dim") : 0,
            AddedWidth = added.Length > 0 ? json.Int("projection_class_embeddings_input_dim") : 0,
            InKernel = json.Int("conv_in_kernel", 3),
            OutKernel = json.Int("conv_out_kernel", 3),
        };
        json.Ignore("time_cond_proj_dim", "addition_time_embed_dim", "projection_class_embeddings_input_dim", "addition_embed_type_num_heads",
            "resnet_out_scale_factor",  // the blocks that are built do not read it
            "decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step");  // left by averaging in training
        json.Require(channels.All(width => width % config.Groups == 0), $"'norm_num_groups' = {config.Groups} does not divide every one of the channels {string.Join(", ", channels)}");
        json.Require(channels.Zip(config.Heads).All(pair => pair.Second <= pair.First), $"'attention_head_dim' (the number of heads) {string.Join(", ", config.Heads)} exceeds the channels {string.Join(", ", channels)}");
        json.Finish();
        return config;
    }

    private static void Refuse(ConfigReader json)
    {
        json.Ignore("mid_block_only_cross_attention");  // of the bottoms that are built, none reads it
        json.RefuseSwitchedOn("dual_cross_attention", "encoder_hid_dim", "encoder_hid_dim_type",
            "class_embed_type", "num_class_embeds", "class_embeddings_concat", "cross_attention_norm", "num_attention_heads", "resnet_skip_time_act",
            "time_embedding_act_fn", "timestep_post_act");
        json.RequireText("time_embedding_type", "positional").RequireText("attention_type", "default");
    }

    private static bool TimeScalesIn(ConfigReader json)
    {
        var how = json.Text("resnet_time_scale_shift", "default");
        json.Require(how is "default" or "scale_shift", $"'resnet_time_scale_shift' = '{how}' is not built; default and scale_shift are");
        return how == "scale_shift";
    }

    // Distilled U-nets (SSD-1B) number the layers of each transformer by itself, and of the way up in a list of its own.
    private static (TransformerDepths[] Down, TransformerDepths[] Up) Depths(ConfigReader json, IReadOnlyList<int> layers)
    {
        const string Key = "transformer_layers_per_block", Back = "reverse_transformer_layers_per_block";
        var down = json.IntsOrLists(Key, layers.Count, 1).Select(depths => new TransformerDepths(depths)).ToArray();
        var up = json.Has(Back) ? [.. json.IntsOrLists(Back, layers.Count).Select(depths => new TransformerDepths(depths))] : down.Reverse().ToArray();
        json.Require(json.Has(Back) || down.All(depths => depths.Count == 1), $"'{Key}' has lists in its list, so the way up needs '{Back}'");
        for (var level = 0; level < layers.Count; level++)
        {
            Fits(Key, down[level], layers[level], level);
            if (json.Has(Back)) Fits(Back, up[level], layers[layers.Count - 1 - level] + 1, level);
        }
        return (down, up);

        void Fits(string key, TransformerDepths depths, int transformers, int level) =>
            json.Require(depths.Count == 1 || depths.Count == transformers, $"'{key}' has {depths.Count} numbers for block {level}, which has {transformers} transformers");
    }

    private static bool[] Attends(ConfigReader json, IReadOnlyList<string> blocks, string key, string plain, string prefix)
    {
        var attends = prefix + plain;
        foreach (var block in blocks.Distinct().Where(block => block != plain && block != attends))
            json.Require(false, $"'{key}': the block '{block}' is not built; {plain} and {attends} are");
        return [.. blocks.Select(block => block == attends)];
    }

    private static UnetMid MidOf(ConfigReader json)
    {
        var mid = json.IsNull("mid_block_type") ? "" : json.Text("mid_block_type", "UNetMidBlock2DCrossAttn");
        json.Require(mid is "" or "UNetMidBlock2D" or "UNetMidBlock2DCrossAttn", $"'mid_block_type' = '{mid}' is not built; UNetMidBlock2DCrossAttn, UNetMidBlock2D and null are");
        return mid switch
        {
            "" => UnetMid.None,
            "UNetMidBlock2D" => UnetMid.Plain,
            _ => UnetMid.Attends,
        };
    }
}
