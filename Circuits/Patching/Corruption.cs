using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>How a picture loses its content where there is no counterfactual picture beside it.</summary>
public enum CorruptionKind
{
    /// <summary>The picture blurred, σ = 10 pixels.</summary>
    Blur,
    /// <summary>Its mean colour everywhere.</summary>
    Mean,
    /// <summary>Gaussian noise of the picture's own spread added.</summary>
    Noise,
    /// <summary>The next picture of the batch.</summary>
    Swap,
}

/// <summary>Corrupted inputs for patching. A pair of pictures that differ in one thing is better: everything else then cancels.</summary>
public static class Corruption
{
    /// <summary>Corrupted pictures [B, C, H, W] of the same shape. The caller (or its scope) disposes them.</summary>
    /// <param name="pixels">The pictures.</param>
    /// <param name="kind">How.</param>
    /// <param name="seed">Of the noise.</param>
    /// <exception cref="OptionsException">Swapping a single picture.</exception>
    public static Tensor Of(Tensor pixels, CorruptionKind kind, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        using var scope = NewDisposeScope();
        using var generator = new Generator((ulong)seed);
        return (kind switch
        {
            CorruptionKind.Mean => Fill.Of(pixels, PixelFill.Mean, 1).clone(),
            CorruptionKind.Noise => pixels + randn(pixels.shape, generator: generator).to(pixels.dtype, pixels.device) * pixels.std([1, 2, 3], keepdim: true),
            CorruptionKind.Swap when pixels.shape[0] < 2 => throw new OptionsException("Swapping needs at least two pictures: each gets the next one's place."),
            CorruptionKind.Swap => pixels.roll(1, 0),
            _ => Fill.Of(pixels, PixelFill.Blur, 10),
        }).MoveToOuterDisposeScope();
    }
}
