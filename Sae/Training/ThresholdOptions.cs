namespace Prisma.Sae;

/// <summary>How the threshold is found by which a coder that selects over batches runs on single rows: a running mean of the smallest kept value.</summary>
public sealed record ThresholdOptions
{
    /// <summary>Weight of the newest value.</summary>
    public double Rate { get; init; } = 0.001;

    /// <summary>Whether it follows the mean of the rows' smallest kept values rather than the smallest of the batch (dictionary_learning's TopK).</summary>
    public bool PerRow { get; init; }

    /// <summary>Steps up to this number are left out.</summary>
    public long After { get; init; } = 1000;

    /// <summary>Whether the first value is taken whole; until then the threshold is −1. Otherwise it starts at 0 (SAELens).</summary>
    public bool CopiesFirst { get; init; } = true;
}
