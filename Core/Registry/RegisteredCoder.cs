namespace Prisma.Core;

/// <summary>A published sparse coder known by name.</summary>
public sealed record RegisteredCoder
{
    /// <summary>The name: the repository's, or the release and the coder in it.</summary>
    public required string Name { get; init; }

    /// <summary>The repository on the hub; null where it is elsewhere.</summary>
    public string? Hub { get; init; }

    /// <summary>Where it is, if not on the hub.</summary>
    public string? Elsewhere { get; init; }

    /// <summary>The branch, tag or commit.</summary>
    public string Revision { get; init; } = HubAddress.MainRevision;

    /// <summary>The file or folder in the repository; empty for all of it.</summary>
    public string Path { get; init; } = "";

    /// <summary>The files that are needed, as patterns below <see cref="Path"/>; all where none are named.</summary>
    public IReadOnlyList<string> Files { get; init; } = [];

    /// <summary>The layout of its files.</summary>
    public required string Format { get; init; }

    /// <summary><c>sae</c> or <c>transcoder</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The name of the model that it was trained on.</summary>
    public required string Model { get; init; }

    /// <summary>The place that it reads.</summary>
    public required string Hook { get; init; }

    /// <summary>The place that it predicts, where another.</summary>
    public string? Writes { get; init; }

    /// <summary>The mathematics; null where the release has several.</summary>
    public string? Architecture { get; init; }

    /// <summary>Which tokens it was trained on: <c>all</c>, <c>cls</c>, <c>patches</c>.</summary>
    public string Tokens { get; init; } = "all";

    /// <summary>Width of what it reads.</summary>
    public int? DIn { get; init; }

    /// <summary>Features.</summary>
    public int? DSae { get; init; }

    /// <summary>Features per token, where fixed.</summary>
    public int? K { get; init; }

    /// <summary>The published mean number of active features per token.</summary>
    public double? L0 { get; init; }

    /// <summary>Where the entry was taken from.</summary>
    public required string Source { get; init; }

    /// <summary>The licence, as far as it is known.</summary>
    public required string Licence { get; init; }

    /// <summary>How far this entry was checked.</summary>
    public required Verified Verified { get; init; }

    /// <summary>What one should know of it.</summary>
    public string? Remarks { get; init; }

    /// <summary>Whether a text names it. A repository's name alone does where all of the repository is this coder.</summary>
    internal bool IsCalled(string text) =>
        Name == text || (Hub is not null && string.Equals(text, Path.Length == 0 ? Hub : $"{Hub}/{Path}", StringComparison.OrdinalIgnoreCase));
}
