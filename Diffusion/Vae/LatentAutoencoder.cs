using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// An autoencoder between pictures in −1 to 1 and the latents that a pipeline draws in: <c>sample</c> [B, 3, H, W] to its latent, <c>latents</c>
/// [B, C, h, w] to a picture <c>sample</c> [B, 3, h·f, w·f]. A half without input is not run. Latents are the autoencoder's own: a pipeline's must be
/// divided by <see cref="LatentConfig.Scaling"/> first.
/// </summary>
public abstract class LatentAutoencoder : HookedModel
{
    /// <summary>What stands before every module path.</summary>
    public const string Root = "vae";

    /// <summary>The configuration.</summary>
    public abstract LatentConfig Config { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["sample", "latents"];

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => null;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (!input.Has("sample") && !input.Has("latents")) throw new ShapeException($"{Card.Name} was given neither sample nor latents.");
        var encoded = new ModelOutput();
        if (input.Has("sample"))
        {
            Check("sample", input["sample"], Config.Inputs, Config.Factor);
            encoded = Encode(input["sample"], run);
        }
        if (!input.Has("latents")) return encoded;
        Check("latents", input["latents"], Config.Latents, 1);
        return new ModelOutput().With("sample", Decode(input["latents"], run)).With(encoded);
    }

    /// <summary>The latent of pictures, by the names of the reference.</summary>
    private protected abstract ModelOutput Encode(Tensor pixels, HookRun run);

    /// <summary>The pictures of latents.</summary>
    private protected abstract Tensor Decode(Tensor latents, HookRun run);

    private static void Check(string name, Tensor value, int channels, int least)
    {
        if (value.ndim != 4 || value.shape[0] < 1 || value.shape[1] != channels || value.shape[2] < least || value.shape[3] < least)
            throw new ShapeException($"{name} is [{string.Join(", ", value.shape)}]; expected [batch, {channels}, height, width] with sides of at least {least}.");
        if (!value.is_floating_point()) throw new ShapeException($"{name} holds {value.dtype}; expected floating-point numbers.");
    }
}
