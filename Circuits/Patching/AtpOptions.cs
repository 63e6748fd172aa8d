namespace Prisma.Circuits;

/// <summary>Repairs of attribution patching (Kramár et al. 2024, AtP*).</summary>
public sealed record AtpOptions
{
    /// <summary>
    /// For queries and keys: recompute the attention pattern with the other run's query (or key) instead of following the softmax's slope, which
    /// vanishes where attention is saturated. Four more passes for each of them.
    /// </summary>
    public bool FixAttention { get; init; }

    /// <summary>
    /// Take gradients with one block's contribution blocked at a time and average magnitudes, so that a direct effect cannot hide behind an
    /// indirect one that cancels it. One differentiated pass for each block; the scores have no sign.
    /// </summary>
    public bool DropGradients { get; init; }
}
