using Prisma.Core;

namespace Prisma.Sae;

/// <summary>What all coders of a run share.</summary>
public sealed record RunOptions
{
    /// <summary>Steps of the run, by which schedules are stretched.</summary>
    public required long Steps { get; init; }

    /// <summary>Rows per step.</summary>
    public int BatchRows { get; init; } = 4096;

    /// <summary>Parts into which a step's rows are cut, to save memory; gradients are added.</summary>
    public int Parts { get; init; } = 1;

    /// <summary>The seed of weights and of what is random in a step.</summary>
    public long Seed { get; init; }

    /// <summary>Steps between checkpoints; 0 writes only the last.</summary>
    public long CheckpointEvery { get; init; } = 1000;

    /// <summary>Steps between measurements that are logged.</summary>
    public long LogEvery { get; init; } = 100;

    /// <summary>Lists every fault.</summary>
    /// <exception cref="OptionsException">A value is out of range.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Steps < 1) faults.Add($"steps = {Steps} must be at least 1");
        if (BatchRows < 2) faults.Add($"batch_rows = {BatchRows} must be at least 2");
        if (Parts < 1 || BatchRows % Math.Max(1, Parts) != 0) faults.Add($"parts = {Parts} must divide batch_rows = {BatchRows}");
        if (CheckpointEvery < 0) faults.Add($"checkpoint_every = {CheckpointEvery} must not be negative");
        if (LogEvery < 1) faults.Add($"log_every = {LogEvery} must be at least 1");
        if (faults.Count > 0) throw new OptionsException($"The run's options do not work: {string.Join("; ", faults)}.");
    }
}
