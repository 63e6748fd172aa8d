using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>
/// How patched passes are carried out; the numbers do not depend on it but for float32's rounding, which may be another where passes have other numbers of rows.
/// </summary>
public sealed record PatchOptions
{
    /// <summary>Changed copies of examples in one pass: memory against speed. 32 fills two cores on a ViT-B and takes about 0.5 GB there.</summary>
    public int Rows { get; init; } = 32;

    /// <summary>Start every pass at the last block before its changes, from the unchanged stream, instead of at the input.</summary>
    public bool SharePrefix { get; init; } = true;

    /// <summary>Told the number of changes measured.</summary>
    public IProgress<int>? Progress { get; init; }

    /// <summary>Ends the work between two passes.</summary>
    public CancellationToken Stop { get; init; }

    /// <summary>Refuses impossible values.</summary>
    /// <exception cref="OptionsException">Some are.</exception>
    public void Check()
    {
        if (Rows < 1) throw new OptionsException($"Patching: rows is {Rows}, must be at least 1.");
    }
}
