using System.Reflection;
using System.Security.Cryptography;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>What written files say about where they came from.</summary>
internal static class Provenance
{
    internal static string Version { get; } =
        typeof(Provenance).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    /// <summary>What was made without running a model: its folder's name alone.</summary>
    internal static Dictionary<string, string> Of(string modelFolder) => new(StringComparer.Ordinal)
    {
        ["producer"] = $"Prisma.Net {Version}",
        ["model"] = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(modelFolder))),
        ["command"] = Command,
    };

    /// <summary>What a report says at its end.</summary>
    internal static string Sentence(HookedModel model, CoderCard? coder = null) => string.Join("; ", Of(model, coder).Select(pair => $"{pair.Key.Replace('_', ' ')} {pair.Value}")) + ".";

    internal static Dictionary<string, string> Of(HookedModel model, CoderCard? coder = null)
    {
        var written = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["producer"] = $"Prisma.Net {Version}",
            ["model"] = model.Card.Name,
            ["family"] = model.Card.Family,
            ["model_hash"] = model.Card.Path.Length > 0 && ModelFolder.Open(model.Card.Path).WeightsFile is { } weights ? HashOf(weights) : "none",
            ["command"] = Command,
        };
        if (coder is { Origin.Path.Length: > 0 }) (written["sae"], written["sae_hash"]) = (coder.Origin.Path, HashOf(coder.Origin.Path));
        return written;
    }

    private static string Command => string.Join(' ', Environment.GetCommandLineArgs().Skip(1));

    // SHA-256 of the weights' file (of the shards' index where there are several).
    private static string HashOf(string file)
    {
        using var stream = File.OpenRead(file);
        return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
