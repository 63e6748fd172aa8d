namespace Prisma.Sae;

/// <summary>What a bias of the data's width starts as.</summary>
public enum StartBias
{
    /// <summary>Zero.</summary>
    Zero,

    /// <summary>The mean of the first rows.</summary>
    Mean,

    /// <summary>The point with the smallest sum of distances to the first rows.</summary>
    GeometricMedian,
}
