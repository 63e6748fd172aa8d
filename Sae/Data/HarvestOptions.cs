using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What is harvested and how it is stored.</summary>
public sealed record HarvestOptions
{
    /// <summary>The places; each becomes a column. An input and a target are simply two of them.</summary>
    public required IReadOnlyList<HookSite> Sites { get; init; }

    /// <summary>Which tokens become rows.</summary>
    public TokenFilter Tokens { get; init; } = TokenFilter.All;

    /// <summary>The type on disk: float32, float16 or bfloat16.</summary>
    public ScalarType Dtype { get; init; } = ScalarType.Float32;

    /// <summary>Rows per file, rounded down to whole examples; the rows of a file are held in memory until it is written.</summary>
    public int RowsPerShard { get; init; } = 32_768;

    /// <summary>Rows that are read and shuffled together; null takes as many as make 256 kB of the widest column, which disks read at full speed.</summary>
    public int? BlockRows { get; init; }

    /// <summary>Examples per forward pass.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>Takes the examples in an order of its own; null as they are given.</summary>
    public long? Seed { get; init; }

    /// <summary>The most that the harvest may write, in bytes; null: as much as the disk has.</summary>
    public long? Budget { get; init; }

    /// <summary>What stays free on the disk, in bytes.</summary>
    public long KeepFree { get; init; } = 1L << 30;

    /// <summary>Lists every fault.</summary>
    /// <exception cref="OptionsException">A value is out of range.</exception>
    internal void Validate()
    {
        var faults = new List<string>();
        if (Sites.Count < 1) faults.Add("name at least one place");
        if (Dtype is not (ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16)) faults.Add($"the type is {Dtype}; float32, float16 and bfloat16 are stored");
        if (RowsPerShard < 1) faults.Add($"RowsPerShard = {RowsPerShard} must be at least 1");
        if (BlockRows < 1) faults.Add($"BlockRows = {BlockRows} must be at least 1");
        if (Batch < 1) faults.Add($"Batch = {Batch} must be at least 1");
        if (Budget < 1) faults.Add($"Budget = {Budget} must be at least 1 byte");
        if (KeepFree < 0) faults.Add($"KeepFree = {KeepFree} must not be negative");
        if (faults.Count > 0) throw new OptionsException($"The harvest's options do not work: {string.Join("; ", faults)}.");
    }
}
