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
        ArgumentNullException.ThrowIfNull(source);
        var map = new WeightMap();
        foreach (var (name, _) in new AutoencoderKl(config).Weights)
            map.Copy(name, source.Contains(name) || !source.Contains(Older(name)) ? name : Older(name));
        return map;
    }

    private static string Older(string name) => name
        .Replace(".to_q.", ".query.", StringComparison.Ordinal).Replace(".to_k.", ".key.", StringComparison.Ordinal)
        .Replace(".to_v.", ".value.", StringComparison.Ordinal).Replace(".to_out.0.", ".proj_attn.", StringComparison.Ordinal);
}

/// <summary>
/// The model of <see cref="AutoencoderKlFamily"/>: <c>sample</c> [B, 3, H, W] in −1 to 1 to <c>latent_mean</c> and <c>latent_logvar</c>
/// [B, C, H/f, W/f]; <c>latents</c> [B, C, h, w] to a picture <c>sample</c> [B, 3, h·f, w·f]. A half without input is not run. Latents are the
/// autoencoder's own: a pipeline's must be divided by <see cref="VaeConfig.Scaling"/> first.
/// </summary>
public sealed class AutoencoderKl : HookedModel
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

    /// <summary>What stands before every module path.</summary>
    public const string Root = "vae";

    /// <summary>The configuration.</summary>
    public VaeConfig Config { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["sample", "latents"];

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => null;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (!input.Has("sample") && !input.Has("latents")) throw new ShapeException($"{Card.Name} was given neither sample nor latents.");
        var encoded = input.Has("sample") ? Encode(input["sample"], run) : new ModelOutput();
        return (input.Has("latents") ? new ModelOutput().With("sample", Decode(input["latents"], run)) : new ModelOutput()).With(encoded);
    }

    private ModelOutput Encode(Tensor pixels, HookRun run)
    {
        Check("sample", pixels, Config.Inputs, Config.Factor);
        var moments = _encoder.Forward(pixels.to(_decoder.Type), run);
        if (_quant is not null) moments = _quant.Forward(moments);
        // The reference keeps the variance between e^-30 and e^20.
        var halves = moments.chunk(2, 1);
        return new ModelOutput().With("latent_mean", halves[0]).With("latent_logvar", halves[1].clamp(-30.0, 20.0));
    }

    private Tensor Decode(Tensor latents, HookRun run)
    {
        Check("latents", latents, Config.Latents, 1);
        latents = latents.to(_decoder.Type);
        return _decoder.Forward(_postQuant?.Forward(latents) ?? latents, run);
    }

    private static void Check(string name, Tensor value, int channels, int least)
    {
        if (value.ndim != 4 || value.shape[0] < 1 || value.shape[1] != channels || value.shape[2] < least || value.shape[3] < least)
            throw new ShapeException($"{name} is [{string.Join(", ", value.shape)}]; expected [batch, {channels}, height, width] with sides of at least {least}.");
        if (!value.is_floating_point()) throw new ShapeException($"{name} holds {value.dtype}; expected floating-point numbers.");
    }
}
