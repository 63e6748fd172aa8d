using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>What stands at the bottom of a U-net.</summary>
public enum UnetMid
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>One residual block.</summary>
    Plain,
    /// <summary>A transformer between two residual blocks.</summary>
    Attends,
}

/// <summary>
/// What of a UNet2DConditionModel's configuration enters the forward pass. Lists have one entry per level, from the picture's own size down;
/// those of the way up go from the bottom up. The defaults are the reference's.
/// </summary>
public sealed record UnetConfig
{
    /// <summary>Channels of the latent that is read.</summary>
    public int Inputs { get; init; } = 4;

    /// <summary>Channels of the prediction.</summary>
    public int Outputs { get; init; } = 4;

    /// <summary>The side of the latent that the model was trained on; 0 where the file does not say.</summary>
    public int Side { get; init; }

    /// <summary>Whether the sample is mapped from [0, 1] to [−1, 1] first.</summary>
    public bool CentresSample { get; init; }

    /// <summary>Channels of each level.</summary>
    public required IReadOnlyList<int> Channels { get; init; }

    /// <summary>Residual blocks of each level on the way down; one more on the way up.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>Which levels attend on the way down.</summary>
    public required IReadOnlyList<bool> DownAttends { get; init; }

    /// <summary>Which levels attend on the way up.</summary>
    public required IReadOnlyList<bool> UpAttends { get; init; }

    /// <summary>What stands at the bottom.</summary>
    public UnetMid Mid { get; init; } = UnetMid.Attends;

    /// <summary>What the sums of the residual blocks at the bottom are divided by.</summary>
    public double MidScale { get; init; } = 1;

    /// <summary>Heads of each level: what the configuration calls <c>attention_head_dim</c>.</summary>
    public required IReadOnlyList<int> Heads { get; init; }

    /// <summary>Transformer layers of each level on the way down.</summary>
    public required IReadOnlyList<int> TransformerLayers { get; init; }

    /// <summary>Transformer layers of each level on the way up.</summary>
    public required IReadOnlyList<int> UpTransformerLayers { get; init; }

    /// <summary>The width of the text's tokens at each level.</summary>
    public required IReadOnlyList<int> Context { get; init; }

    /// <summary>Whether transformers project tokens by matrices instead of channels by 1×1 convolutions.</summary>
    public bool LinearProjection { get; init; }

    /// <summary>Whether attention scores are computed in float32 whatever the model's type.</summary>
    public bool UpcastAttention { get; init; }

    /// <summary>Padding of the convolutions that halve the sides; 0 pads below and to the right only.</summary>
    public int DownsamplePadding { get; init; } = 1;

    /// <summary>Groups of the norms.</summary>
    public int Groups { get; init; } = 32;

    /// <summary>ε of the norms in residual blocks and before the output.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "silu";

    /// <summary>Cosines before sines in the waves of time steps and sizes.</summary>
    public bool CosineFirst { get; init; } = true;

    /// <summary>Shift of the waves' frequencies.</summary>
    public double FrequencyShift { get; init; }

    /// <summary>The width of the time embedding.</summary>
    public required int TimeWidth { get; init; }

    /// <summary>Waves for each of the picture's sizes; 0 where neither pooled text nor sizes are read.</summary>
    public int AddedWaves { get; init; }

    /// <summary>The width of pooled text and all sizes' waves together; 0 where they are not read.</summary>
    public int AddedWidth { get; init; }

    /// <summary>The first convolution's kernel.</summary>
    public int InKernel { get; init; } = 3;

    /// <summary>The last convolution's kernel.</summary>
    public int OutKernel { get; init; } = 3;

    internal ResnetOptions Resnet(int inputs, int outputs) => new(inputs, outputs, TimeWidth, Groups, Eps, Activation);

    internal SpatialTransformerOptions Transformer(int level, int layers) => new()
    {
        Channels = Channels[level],
        Heads = Heads[level],
        Context = Context[level],
        Layers = layers,
        Groups = Groups,
        LinearProjection = LinearProjection,
        Upcast = UpcastAttention,
    };

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
        var transformers = json.Ints("transformer_layers_per_block", levels, 1);
        var added = json.Text("addition_embed_type", "");
        json.Require(added is "" or "text_time", $"'addition_embed_type' = '{added}' is not built; 'text_time' and null are");
        var config = new UnetConfig
        {
            Inputs = json.Int("in_channels", 4),
            Outputs = json.Int("out_channels", 4),
            Side = json.Has("sample_size") ? json.Side("sample_size") : 0,
            CentresSample = json.Bool("center_input_sample", false),
            Channels = channels,
            Layers = json.Ints("layers_per_block", levels, 2),
            DownAttends = Attends(json, down, "down_block_types", "DownBlock2D"),
            UpAttends = Attends(json, up, "up_block_types", "UpBlock2D"),
            Mid = MidOf(json),
            MidScale = json.Double("mid_block_scale_factor", 1),
            Heads = json.Ints("attention_head_dim", levels, 8),
            TransformerLayers = transformers,
            UpTransformerLayers = json.Has("reverse_transformer_layers_per_block") ? json.Ints("reverse_transformer_layers_per_block", levels) : [.. transformers.Reverse()],
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
        json.Ignore("addition_time_embed_dim", "projection_class_embeddings_input_dim", "addition_embed_type_num_heads",
            "resnet_out_scale_factor",  // the blocks that are built do not read it
            "decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step");  // left by averaging in training
        json.Require(channels.All(width => width % config.Groups == 0), $"'norm_num_groups' = {config.Groups} does not divide every one of the channels {string.Join(", ", channels)}");
        json.Require(channels.Zip(config.Heads).All(pair => pair.Second <= pair.First), $"'attention_head_dim' (the number of heads) {string.Join(", ", config.Heads)} exceeds the channels {string.Join(", ", channels)}");
        json.Finish();
        return config;
    }

    private static void Refuse(ConfigReader json)
    {
        json.RefuseSwitchedOn("only_cross_attention", "mid_block_only_cross_attention", "dual_cross_attention", "encoder_hid_dim", "encoder_hid_dim_type",
            "class_embed_type", "num_class_embeds", "class_embeddings_concat", "cross_attention_norm", "num_attention_heads", "resnet_skip_time_act",
            "time_embedding_act_fn", "timestep_post_act", "time_cond_proj_dim");
        json.RequireText("resnet_time_scale_shift", "default").RequireText("time_embedding_type", "positional").RequireText("attention_type", "default");
    }

    private static bool[] Attends(ConfigReader json, IReadOnlyList<string> blocks, string key, string plain)
    {
        var attends = "CrossAttn" + plain;
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
