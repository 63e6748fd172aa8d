namespace Prisma.Circuits;

/// <summary>What is put in place of something ablated.</summary>
public enum AblationKind
{
    /// <summary>Zero: overestimates what has a large constant part.</summary>
    Zero,
    /// <summary>The mean over the batch, position by position.</summary>
    BatchMean,
    /// <summary>The same place of the next example of the batch.</summary>
    Resample,
    /// <summary>The mean over given data, position by position.</summary>
    DataMean,
}
