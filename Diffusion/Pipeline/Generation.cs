using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What a run made and kept. Owns its tensors; dispose it.</summary>
public sealed class Generation : IDisposable
{
    internal Generation() { }

    /// <summary>The prompts' embeddings. Borrowed.</summary>
    public required PromptEmbedding Prompt { get; init; }

    /// <summary>The negative prompts' embeddings; null without guidance. Borrowed.</summary>
    public required PromptEmbedding? Negative { get; init; }

    /// <summary>The time steps taken: int64 or float32 [K]. Borrowed.</summary>
    public required Tensor Timesteps { get; init; }

    /// <summary>The latents after each step: [K, B, C, h, w]. Borrowed.</summary>
    public required Tensor Steps { get; init; }

    /// <summary>The last latents, in the pipeline's scale: [B, C, h, w]. Borrowed.</summary>
    public required Tensor Latents { get; init; }

    /// <summary>What passes that saw the prompt kept: [B, K, …].</summary>
    public required StepCache Cache { get; init; }

    /// <summary>What passes that saw the negative prompt kept: [B, K, …].</summary>
    public required StepCache NegativeCache { get; init; }

    /// <summary>The pictures, one for each prompt.</summary>
    public required IReadOnlyList<RgbImage> Pictures { get; init; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Prompt.Dispose();
        Negative?.Dispose();
        Timesteps.Dispose();
        Steps.Dispose();
        Latents.Dispose();
        Cache.Dispose();
        NegativeCache.Dispose();
    }
}
