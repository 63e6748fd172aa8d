namespace Prisma.Sae;

/// <summary>What an edit does to a feature's activation f.</summary>
public enum FeatureAction
{
    /// <summary>f becomes 0.</summary>
    Ablate,

    /// <summary>f becomes v, whether it fired or not.</summary>
    Set,

    /// <summary>f becomes f·v.</summary>
    Scale,

    /// <summary>f becomes f + v.</summary>
    Add,

    /// <summary>f becomes v where it fired, and stays 0 where it did not.</summary>
    Clamp,
}
