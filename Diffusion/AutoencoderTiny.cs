using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Tiny autoencoders that stand in for a pipeline's own, distilled from it (AutoencoderTiny of diffusers; Bohan's TAESD). Weights keep the
/// checkpoint's names, places its module paths behind <c>vae.</c>.
/// </summary>
public sealed class AutoencoderTinyFamily : ModelFamily<TinyVaeConfig>
{
    /// <inheritdoc/>
    public override string Name => "autoencoder_tiny";

    /// <inheritdoc/>
    protected override TinyVaeConfig TinyConfig => new() { EncoderChannels = 8, DecoderChannels = 8, EncoderBlocks = [1, 1], DecoderBlocks = [1, 1] };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.ClassName == "AutoencoderTiny";
    }

    /// <inheritdoc/>
    protected override TinyVaeConfig ReadConfig(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return TinyVaeConfig.Read(new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)));
    }

    /// <inheritdoc/>
    protected override HookedModel Build(TinyVaeConfig config) => new AutoencoderTiny(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(TinyVaeConfig config, TensorSource source) => new WeightMap().Same(new AutoencoderTiny(config));
}

/// <summary>
/// The model of <see cref="AutoencoderTinyFamily"/> and <see cref="TaesdFamily"/>: <c>sample</c> [B, 3, H, W] in −1 to 1 to <c>latents</c>
/// [B, C, H/f, W/f], without a variance; <c>latents</c> [B, C, h, w] to a picture <c>sample</c> [B, 3, h·f, w·f].
/// </summary>
public sealed class AutoencoderTiny : LatentAutoencoder
{
    private const double Limit = 3;  // latents are bent to stay between −3 and 3

    private readonly TinyVaeLayers _encoder, _decoder;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public AutoencoderTiny(TinyVaeConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        _encoder = PathChild("encoder", Root + ".encoder", TinyVaeLayers.Encoder(config));
        _decoder = PathChild("decoder", Root + ".decoder", TinyVaeLayers.Decoder(config));
    }

    /// <inheritdoc/>
    public override TinyVaeConfig Config { get; }

    private ScalarType Type => Weights.First().Weight.Value.dtype;

    private protected override ModelOutput Encode(Tensor pixels, HookRun run) =>
        new ModelOutput().With("latents", _encoder.Forward((pixels.to(Type) + 1) / 2, run));

    private protected override Tensor Decode(Tensor latents, HookRun run)
    {
        using var scope = NewDisposeScope();
        var bent = (latents.to(Type) / Limit).tanh() * Limit;
        return (_decoder.Forward(bent, run) * 2 - 1).MoveToOuterDisposeScope();
    }
}
