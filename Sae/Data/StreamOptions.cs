using Prisma.Core;

namespace Prisma.Sae;

/// <summary>What is harvested straight into training.</summary>
public sealed record StreamOptions
{
    /// <summary>The places; each becomes a column.</summary>
    public required IReadOnlyList<HookSite> Sites { get; init; }

    /// <summary>Which tokens become rows.</summary>
    public TokenFilter Tokens { get; init; } = TokenFilter.All;

    /// <summary>Examples per forward pass.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>Rows that are made at a time, rounded down to whole passes. Memory holds about three times as many; neighbouring chunks are mixed.</summary>
    public int ChunkRows { get; init; } = 32_768;

    /// <summary>The order of examples and rows, a new one each round.</summary>
    public long Seed { get; init; }

    /// <summary>Lists every fault.</summary>
    /// <exception cref="OptionsException">A value is out of range.</exception>
    internal void Validate()
    {
        var faults = new List<string>();
        if (Sites.Count < 1) faults.Add("name at least one place");
        if (Batch < 1) faults.Add($"Batch = {Batch} must be at least 1");
        if (ChunkRows < 2) faults.Add($"ChunkRows = {ChunkRows} must be at least 2");
        if (faults.Count > 0) throw new OptionsException($"The stream's options do not work: {string.Join("; ", faults)}.");
    }
}
