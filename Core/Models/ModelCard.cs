using System.Text.Json;

namespace Prisma.Core;

/// <summary>What a loaded model is and where it came from.</summary>
public sealed record ModelCard
{
    internal static ModelCard Unnamed { get; } = new() { Family = "unnamed", Name = "the model", Config = default };

    /// <summary>The family that read it.</summary>
    public required string Family { get; init; }

    /// <summary>The folder's name, or the hub's.</summary>
    public required string Name { get; init; }

    /// <summary>The folder it was read from; empty for models built in memory.</summary>
    public string Path { get; init; } = "";

    /// <summary>The checkpoint's own configuration.</summary>
    public required JsonElement Config { get; init; }

    /// <summary>Class names by index, from <c>id2label</c>; empty where there are none.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];
}
