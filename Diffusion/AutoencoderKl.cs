using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Autoencoders between pictures and latents in diffusers' layout (AutoencoderKL; Kingma and Welling 2013, Rombach et al. 2022). Weights keep
/// the checkpoint's names, places its module paths behind <c>vae.</c>. Older files call the attention's matrices query, key, value and proj_attn.
/// </summary>
public sealed class AutoencoderKlFamily : ModelFamily<VaeConfig>
{
    /// <inheritdoc/>
    public override string Name => "autoencoder_kl";

    /// <inheritdoc/>
    protected override VaeConfig TinyConfig => new() { Channels = [8, 12], Groups = 4, Side = 16 };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.ClassName == "AutoencoderKL";
    }

    /// <inheritdoc/>
    protected override VaeConfig ReadConfig(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return VaeConfig.Read(new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)));
    }

    /// <inheritdoc/>
    protected override HookedModel Build(VaeConfig config) => new AutoencoderKl(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(VaeConfig config, TensorSource source)
    {
        return CellAttention.WithOlderNames(new WeightMap(), new AutoencoderKl(config), source);
    }
}

/// <summary>
/// The model of <see cref="AutoencoderKlFamily"/>: <c>sample</c> [B, 3, H, W] in −1 to 1 to <c>latent_mean</c> and <c>latent_logvar</c>
/// [B, C, H/f, W/f]; <c>latents</c> [B, C, h, w] to a picture <c>sample</c> [B, 3, h·f, w·f].
/// </summary>
public sealed class AutoencoderKl : LatentAutoencoder
{
    private readonly VaeEncoder _encoder;
    private readonly Convolution? _quant, _postQuant;
    private readonly VaeDecoder _decoder;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public AutoencoderKl(VaeConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        _encoder = PathChild("encoder", Root + ".encoder", new VaeEncoder(config));
        _quant = config.QuantConvolution ? Child("quant_conv", new Convolution(2 * config.Latents, 2 * config.Latents, 1)) : null;
        _postQuant = config.PostQuantConvolution ? Child("post_quant_conv", new Convolution(config.Latents, config.Latents, 1)) : null;
        _decoder = PathChild("decoder", Root + ".decoder", new VaeDecoder(config));
    }

    /// <inheritdoc/>
    public override VaeConfig Config { get; }

    private protected override ModelOutput Encode(Tensor pixels, HookRun run)
    {
        var moments = _encoder.Forward(pixels.to(_decoder.Type), run);
        if (_quant is not null) moments = _quant.Forward(moments);
        // The reference keeps the variance between e^-30 and e^20.
        var halves = moments.chunk(2, 1);
        return new ModelOutput().With("latent_mean", halves[0]).With("latent_logvar", halves[1].clamp(-30.0, 20.0));
    }

    private protected override Tensor Decode(Tensor latents, HookRun run)
    {
        latents = latents.to(_decoder.Type);
        return _decoder.Forward(_postQuant?.Forward(latents) ?? latents, run);
    }
}
