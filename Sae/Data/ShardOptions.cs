namespace Prisma.Sae;

/// <summary>How harvested activations are read.</summary>
public sealed record ShardOptions
{
    /// <summary>The order of the rows, a new one each round; null: as they were harvested.</summary>
    public long? Seed { get; init; } = 0;

    /// <summary>The columns to read; null: all.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>
    /// Bytes of rows that are shuffled together; memory holds two such windows. Blocks of rows from all files come together in one, so 256 MB
    /// (some 80,000 rows of width 768) mix a batch from hundreds of places. Part of the order: another size gives other batches.
    /// </summary>
    public long WindowBytes { get; init; } = 256_000_000;
}
