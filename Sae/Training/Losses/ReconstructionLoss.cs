namespace Prisma.Sae;

/// <summary>How the error e = x̂ − y of a batch [n, d] becomes one number. The references differ, and every coefficient depends on it.</summary>
public enum ReconstructionLoss
{
    /// <summary>Σ e² over a row, mean over rows (dictionary_learning, SAELens).</summary>
    Sse,

    /// <summary>Mean of e² over all numbers.</summary>
    Mse,

    /// <summary>Σ e² / Σ (y − ȳ)² over the batch (sparsify).</summary>
    Fvu,

    /// <summary>Mean of e² over a scale fixed from the first data, 1 / mean (y − ȳ)² (OpenAI, sdxl-unbox).</summary>
    ScaledMse,

    /// <summary>Mean of e² / ‖y − ȳ‖ of the row, the norm not squared (ViT-Prisma).</summary>
    BatchNormedMse,

    /// <summary>Mean of ‖e‖, not squared (dictionary_learning's crosscoders).</summary>
    Norm,
}
