namespace Prisma.Sae;

/// <summary>What the squared error of the dead features' prediction is divided by.</summary>
public enum AuxScale
{
    /// <summary>The variance of what is to be predicted.</summary>
    ErrorVariance,

    /// <summary>The variance of the target of the coder (sparsify).</summary>
    TargetVariance,

    /// <summary>The number of rows alone (SAELens).</summary>
    Rows,
}
