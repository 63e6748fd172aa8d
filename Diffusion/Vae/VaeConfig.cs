using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>What of an AutoencoderKL's configuration enters the forward pass or the pipeline. The reference's defaults are those of <see cref="Read"/>.</summary>
public sealed record VaeConfig : LatentConfig
{
    /// <summary>Channels of each level, from the picture's own size down.</summary>
    public required IReadOnlyList<int> Channels { get; init; }

    /// <summary>Residual blocks of each level of the encoder; the decoder has one more.</summary>
    public int Layers { get; init; } = 1;

    /// <summary>Groups of the norms.</summary>
    public int Groups { get; init; } = 32;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "silu";

    /// <summary>Whether the bottom attends.</summary>
    public bool MidAttends { get; init; } = true;

    /// <summary>Whether the encoder ends in a 1×1 convolution of mean and variance.</summary>
    public bool QuantConvolution { get; init; } = true;

    /// <summary>Whether the decoder begins with a 1×1 convolution.</summary>
    public bool PostQuantConvolution { get; init; } = true;

    /// <summary>The model overflows in 16 bits and must compute in float32.</summary>
    public bool ForcesFloat32 { get; init; } = true;

    /// <inheritdoc/>
    public override int Factor => 1 << (Channels.Count - 1);

    internal ResnetOptions Resnet(int inputs, int outputs) => new(inputs, outputs, Time: null, Groups, VaeBlocks.Eps, Activation);

    /// <summary>Reads diffusers' layout.</summary>
    /// <exception cref="CheckpointException">Lists every fault: what is missing, what is not built.</exception>
    public static VaeConfig Read(ConfigReader json)
    {
        ArgumentNullException.ThrowIfNull(json);
        var down = json.Texts("down_block_types", "DownEncoderBlock2D");
        var up = json.Texts("up_block_types", "UpDecoderBlock2D");
        foreach (var block in down.Concat(up).Distinct().Where(block => block is not ("DownEncoderBlock2D" or "UpDecoderBlock2D")))
            json.Require(false, $"the block '{block}' is not built; DownEncoderBlock2D and UpDecoderBlock2D are");
        json.Require(down.Count == up.Count, $"'up_block_types' has {up.Count} entries, 'down_block_types' {down.Count}");
        json.RefuseSwitchedOn("shift_factor");
        json.Ignore("mid_block_add_attention");
        var config = new VaeConfig
        {
            Inputs = json.Int("in_channels", 3),
            Outputs = json.Int("out_channels", 3),
            Latents = json.Int("latent_channels", 4),
            Channels = json.IsList("block_out_channels") || down.Count != 1 ? json.Ints("block_out_channels", down.Count) : [64],
            Layers = json.Int("layers_per_block", 1),
            Groups = json.Int("norm_num_groups", 32),
            Activation = json.Activation("act_fn", "silu"),
            MidAttends = json.Bool("mid_block_add_attention", true),
            QuantConvolution = json.Bool("use_quant_conv", true),
            PostQuantConvolution = json.Bool("use_post_quant_conv", true),
            Side = json.Side("sample_size", 32),
            Scaling = json.Double("scaling_factor", 0.18215),
            LatentMean = json.Doubles("latents_mean"),
            LatentDeviation = json.Doubles("latents_std"),
            ForcesFloat32 = json.Bool("force_upcast", true),
        };
        json.Require((config.LatentMean is null) == (config.LatentDeviation is null)
            && (config.LatentMean?.Count ?? config.Latents) == config.Latents && (config.LatentDeviation?.Count ?? config.Latents) == config.Latents,
            $"'latents_mean' and 'latents_std' need {config.Latents} values each, or both must be null");
        json.Require(config.Channels.All(width => width % config.Groups == 0), $"'norm_num_groups' = {config.Groups} does not divide every one of the channels {string.Join(", ", config.Channels)}");
        json.Finish();
        return config;
    }
}
