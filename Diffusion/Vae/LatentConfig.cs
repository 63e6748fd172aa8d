namespace Prisma.Diffusion;

/// <summary>What pipelines must know of an autoencoder between pictures and latents.</summary>
public abstract record LatentConfig
{
    /// <summary>Channels of the picture that is read.</summary>
    public int Inputs { get; init; } = 3;

    /// <summary>Channels of the picture that is made.</summary>
    public int Outputs { get; init; } = 3;

    /// <summary>Channels of the latent.</summary>
    public int Latents { get; init; } = 4;

    /// <summary>Pixels along one side of a latent's cell.</summary>
    public abstract int Factor { get; }

    /// <summary>The side of a picture that is coded in one piece; larger ones may be cut into tiles.</summary>
    public int Side { get; init; } = 32;

    /// <summary>What the latents of the pipeline are divided by before they are decoded.</summary>
    public double Scaling { get; init; } = 1;

    /// <summary>The latents' mean per channel, where the pipeline's latents are standardised; null otherwise.</summary>
    public IReadOnlyList<double>? LatentMean { get; init; }

    /// <summary>The latents' standard deviation per channel, where the pipeline's latents are standardised; null otherwise.</summary>
    public IReadOnlyList<double>? LatentDeviation { get; init; }
}
