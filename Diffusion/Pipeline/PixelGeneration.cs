using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What a run of a U-net without text made and kept. Owns its tensors; dispose it.</summary>
public sealed class PixelGeneration : IDisposable
{
    internal PixelGeneration() { }

    /// <summary>The time steps taken: int64 or float32 [K]. Borrowed.</summary>
    public required Tensor Timesteps { get; init; }

    /// <summary>The pictures after each step, about −1 to 1: [K, B, C, H, W]. Borrowed.</summary>
    public required Tensor Steps { get; init; }

    /// <summary>The last pictures, about −1 to 1: [B, C, H, W]. Borrowed.</summary>
    public required Tensor Samples { get; init; }

    /// <summary>What the passes kept: [B, K, …].</summary>
    public required StepCache Cache { get; init; }

    /// <summary>The pictures; those of one channel are grey.</summary>
    public required IReadOnlyList<RgbImage> Pictures { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Timesteps.Dispose();
        Steps.Dispose();
        Samples.Dispose();
        Cache.Dispose();
    }
}
