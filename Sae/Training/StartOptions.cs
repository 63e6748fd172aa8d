namespace Prisma.Sae;

/// <summary>Where training starts.</summary>
public sealed record StartOptions
{
    /// <summary>Length of the decoder's rows; 0.1 suits rows of free length.</summary>
    public double DecoderNorm { get; init; } = 1;

    /// <summary>Whether the encoder starts as the decoder's transpose; otherwise it is random (always so where the widths differ).</summary>
    public bool TiesEncoder { get; init; } = true;

    /// <summary>What the decoder's bias starts as.</summary>
    public StartBias Bias { get; init; } = StartBias.GeometricMedian;
}
