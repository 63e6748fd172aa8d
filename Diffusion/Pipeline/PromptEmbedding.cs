using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What the U-net reads of prompts. Owns its tensors.</summary>
/// <param name="tokens">[B, tokens, d].</param>
/// <param name="pooled">[B, e], or null where the U-net reads none.</param>
public sealed class PromptEmbedding(Tensor tokens, Tensor? pooled) : IDisposable
{
    /// <summary>The texts' tokens: [B, tokens, d]. Borrowed.</summary>
    public Tensor Tokens { get; } = tokens;

    /// <summary>The pooled texts: [B, e], or null. Borrowed.</summary>
    public Tensor? Pooled { get; } = pooled;

    /// <summary>Zeros of the same shapes. The caller (or its scope) disposes them.</summary>
    public PromptEmbedding Zeros() => new(Tokens.zeros_like(), Pooled?.zeros_like());

    internal PromptEmbedding Detached()
    {
        _ = (Tokens.DetachFromDisposeScope(), Pooled?.DetachFromDisposeScope());
        return this;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Tokens.Dispose();
        Pooled?.Dispose();
    }
}
