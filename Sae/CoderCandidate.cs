namespace Prisma.Sae;

/// <summary>A coder that a format found in a folder, not read yet.</summary>
/// <param name="Format">The format.</param>
/// <param name="Weights">The file with the weights.</param>
/// <param name="Config">The file with the configuration; null where the weights carry it.</param>
public sealed record CoderCandidate(CoderFormat Format, string Weights, string? Config = null)
{
    /// <summary>Whether a search of the folder finds it.</summary>
    public CoderExtent Extent { get; init; }
}
