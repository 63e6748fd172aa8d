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

    internal static Dictionary<string, string> Of(HookedModel model, CoderCard? coder = null)
    {
        var written = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["producer"] = $"Prisma.Net {Version}",
            ["model"] = model.Card.Name,
            ["family"] = model.Card.Family,
            ["model_hash"] = model.Card.Path.Length > 0 && ModelFolder.Open(model.Card.Path).WeightsFile is { } weights ? HashOf(weights) : "none",
            ["command"] = string.Join(' ', Environment.GetCommandLineArgs().Skip(1)),
        };
        if (coder is { Origin.Path.Length: > 0 }) (written["sae"], written["sae_hash"]) = (coder.Origin.Path, HashOf(coder.Origin.Path));
        return written;
    }

    // SHA-256 of the weights' file (of the shards' index where there are several).
    private static string HashOf(string file)
    {
        using var stream = File.OpenRead(file);
        return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
