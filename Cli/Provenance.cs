using System.Reflection;
using System.Security.Cryptography;
using Prisma.Core;

namespace Prisma.Cli;

/// <summary>What written files say about where they came from.</summary>
internal static class Provenance
{
    internal static string Version { get; } =
        typeof(Provenance).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0] ?? "0";

    internal static Dictionary<string, string> Of(HookedModel model) => new(StringComparer.Ordinal)
    {
        ["producer"] = $"Prisma.Net {Version}",
        ["model"] = model.Card.Name,
        ["family"] = model.Card.Family,
        ["model_hash"] = HashOf(model.Card.Path),
        ["command"] = string.Join(' ', Environment.GetCommandLineArgs().Skip(1)),
    };

    // SHA-256 of the weights' file (of the first shard's index where there are several).
    private static string HashOf(string folder)
    {
        if (folder.Length == 0 || ModelFolder.Open(folder).WeightsFile is not { } file) return "none";
        using var stream = File.OpenRead(file);
        return "sha256:" + Convert.ToHexStringLower(SHA256.HashData(stream));
    }
}
