namespace Prisma.Diffusion;

/// <summary>What a U-net was trained to predict.</summary>
public enum PredictionKind
{
    /// <summary>The noise.</summary>
    Epsilon,
    /// <summary>√ᾱ·noise − √(1−ᾱ)·clean (Salimans and Ho 2022).</summary>
    Velocity,
    /// <summary>The clean sample.</summary>
    Sample,
}
