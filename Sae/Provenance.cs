using System.Text.Json;

namespace Prisma.Sae;

/// <summary>Where a coder comes from and what its file says about its training. Nothing here enters the arithmetic.</summary>
public sealed record Provenance
{
    /// <summary>The file format it was read from; empty for coders built in memory.</summary>
    public string Format { get; init; } = "";

    /// <summary>The weights' file; empty for coders built in memory.</summary>
    public string Path { get; init; } = "";

    /// <summary>The model it was trained on, as the file names it; empty where it does not say.</summary>
    public string ModelName { get; init; } = "";

    /// <summary>The place it reads, as the file spells it; empty where it does not say.</summary>
    public string HookName { get; init; } = "";

    /// <summary>The part of a model of several parts that an unprefixed place of this file means; empty where the format leaves it open.</summary>
    public string DefaultPart { get; init; } = "";

    /// <summary>The attention head it was trained on, where it reads only one.</summary>
    public int? Head { get; init; }

    /// <summary>Which tokens it was trained on.</summary>
    public TokenScope Scope { get; init; } = TokenScope.All;

    /// <summary>What the file's own configuration says was measured (<c>l0</c>, <c>explained_variance</c>, …).</summary>
    public IReadOnlyDictionary<string, double> Published { get; init; } = new Dictionary<string, double>();

    /// <summary>What the file does not say but its format defines, as <c>key = value (reason)</c>.</summary>
    public IReadOnlyList<string> ByFormat { get; init; } = [];

    /// <summary>The file's own configuration.</summary>
    public JsonElement Config { get; init; }
}
