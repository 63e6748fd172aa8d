using System.Text.Json.Serialization;

namespace Prisma.Core;

/// <summary>A model known by name: where it is, what it is, and how far that was checked.</summary>
public sealed record RegisteredModel
{
    /// <summary>The name, as ViT-Prisma lists it where it does.</summary>
    public required string Name { get; init; }

    /// <summary>Other names for it.</summary>
    public IReadOnlyList<string> Aliases { get; init; } = [];

    /// <summary>The repository on the hub; null where it is elsewhere.</summary>
    public string? Hub { get; init; }

    /// <summary>Where it is, if not on the hub.</summary>
    public string? Elsewhere { get; init; }

    /// <summary>The file of weights that says in which layout they are.</summary>
    public string? File { get; init; }

    /// <summary>The key of its architecture.</summary>
    [JsonPropertyName("architecture")]
    public required string ArchitectureName { get; init; }

    /// <summary>How pictures are prepared. Only words: loading reads the checkpoint's own settings.</summary>
    public required string Preprocessing { get; init; }

    /// <summary>The weights' licence, as far as it is known.</summary>
    public required string Licence { get; init; }

    /// <summary>How far this entry was checked.</summary>
    public required Verified Verified { get; init; }

    /// <summary>What ViT-Prisma says of it: passing, failing, or nothing; null where it does not list it.</summary>
    public string? Prisma { get; init; }

    /// <summary>What one should know of it.</summary>
    public string? Remarks { get; init; }

    /// <summary>Its sizes.</summary>
    [JsonIgnore]
    public ModelArchitecture Architecture { get; internal set; } = null!;

    /// <summary>Whether a text is one of its names.</summary>
    internal bool IsCalled(string text) => Name == text || Hub == text || Aliases.Contains(text);
}
