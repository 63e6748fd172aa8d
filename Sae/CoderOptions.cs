namespace Prisma.Sae;

/// <summary>What the user says about a coder's file: only what its format leaves open, and choices between its conventions.</summary>
public sealed record CoderOptions
{
    /// <summary>Nothing said.</summary>
    public static CoderOptions None { get; } = new();

    /// <summary>Values for keys that the file lacks (<c>--set key=value</c>).</summary>
    public IReadOnlyDictionary<string, string> Set { get; init; } = new Dictionary<string, string>();

    /// <summary>How batch-wise trained coders select; the stored threshold where null and there is one.</summary>
    public Selection? Select { get; init; }

    /// <summary>The name of a convention where a format has several; its default where null.</summary>
    public string? Convention { get; init; }
}
