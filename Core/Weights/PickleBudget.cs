namespace Prisma.Core;

/// <summary>
/// Bounds on what a pickle may make of its bytes: memoised values can be reused without end, so copies and values are counted.
/// </summary>
internal sealed class PickleBudget(string file, long length)
{
    private const long MaxValues = 20_000_000;

    private readonly long _maxCopied = (64L << 20) + 4 * Math.Min(length, 1L << 40);
    private long _values;
    private long _copied;

    /// <summary>Levels of pickles inside pickles that are still allowed.</summary>
    public int Nesting { get; set; } = 4;

    public string File => file;

    public void CountValue()
    {
        if (++_values > MaxValues) throw new CheckpointException($"'{file}' is refused: its pickle makes more than {MaxValues} values.");
    }

    /// <summary>Counts bytes or references that an opcode of constant size copies.</summary>
    public void CountCopy(long size)
    {
        _copied += size;
        if (_copied > _maxCopied) throw new CheckpointException($"'{file}' is refused: its pickle copies the same data again and again.");
    }
}
