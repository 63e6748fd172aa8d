using Prisma.Core;

namespace Prisma.Diffusion;

/// <summary>What of an AutoencoderTiny's configuration enters the forward pass. Lists have one entry per level: the encoder's from the picture down, the decoder's from the latent up.</summary>
public sealed record TinyVaeConfig : LatentConfig
{
    /// <summary>Channels of the encoder, the same at every level.</summary>
    public int EncoderChannels { get; init; } = 64;

    /// <summary>Channels of the decoder, the same at every level.</summary>
    public int DecoderChannels { get; init; } = 64;

    /// <summary>Residual blocks of each level of the encoder.</summary>
    public IReadOnlyList<int> EncoderBlocks { get; init; } = [1, 3, 3, 3];

    /// <summary>Residual blocks of each level of the decoder.</summary>
    public IReadOnlyList<int> DecoderBlocks { get; init; } = [3, 3, 3, 1];

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "relu";

    /// <summary>Whether blocks beside the latent first add what a normalised mixture of channels says (TAESD's use_midblock_gn, for FLUX.2).</summary>
    public bool NormsBesideLatent { get; init; }

    /// <inheritdoc/>
    public override int Factor => 1 << (EncoderBlocks.Count - 1);

    /// <summary>Reads diffusers' layout.</summary>
    /// <exception cref="CheckpointException">Lists every fault: what is missing, what is not built.</exception>
    public static TinyVaeConfig Read(ConfigReader json)
    {
        const int TileSide = 512;  // the reference's, which is in no file
        ArgumentNullException.ThrowIfNull(json);
        var encoder = json.Ints("encoder_block_out_channels", [64, 64, 64, 64]);
        var decoder = json.Ints("decoder_block_out_channels", [64, 64, 64, 64]);
        foreach (var (key, channels) in new[] { ("encoder_block_out_channels", encoder), ("decoder_block_out_channels", decoder) })
            json.Require(channels.Distinct().Count() == 1, $"'{key}' = {string.Join(", ", channels)}: all levels must have the same channels, since no layer changes their number");
        json.RequireText("upsample_fn", "nearest");
        json.Require(json.Int("upsampling_scaling_factor", 2) == 2, "'upsampling_scaling_factor' is not 2, by which the encoder halves");
        json.Require(json.Double("shift_factor", 0) == 0, "'shift_factor' other than 0 is not built");
        json.Ignore("latent_magnitude", "latent_shift");  // for storing latents as pictures
        var config = new TinyVaeConfig
        {
            Inputs = json.Int("in_channels", 3),
            Outputs = json.Int("out_channels", 3),
            Latents = json.Int("latent_channels", 4),
            EncoderChannels = encoder[0],
            DecoderChannels = decoder[0],
            EncoderBlocks = json.Ints("num_encoder_blocks", [1, 3, 3, 3]),
            DecoderBlocks = json.Ints("num_decoder_blocks", [3, 3, 3, 1]),
            Activation = json.Activation("act_fn", "relu"),
            Scaling = json.Double("scaling_factor", 1),
            Side = TileSide,
        };
        json.Require(encoder.Count == config.EncoderBlocks.Count && decoder.Count == config.DecoderBlocks.Count && encoder.Count == decoder.Count,
            $"'encoder_block_out_channels', 'num_encoder_blocks', 'decoder_block_out_channels' and 'num_decoder_blocks' must have the same length; they have {encoder.Count}, {config.EncoderBlocks.Count}, {decoder.Count} and {config.DecoderBlocks.Count}");
        json.Finish();
        return config;
    }
}
