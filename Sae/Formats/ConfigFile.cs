using System.Text.Json;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Reads configurations beside weights.</summary>
internal static class ConfigFile
{
    /// <summary>A configuration without keys: for formats whose weights say everything.</summary>
    internal static JsonElement Empty { get; } = JsonSerializer.SerializeToElement(new Dictionary<string, string>());

    /// <summary>A JSON or YAML file, recognised by its ending.</summary>
    /// <exception cref="CheckpointException">It is damaged.</exception>
    internal static JsonElement Read(string path)
    {
        if (path.EndsWith(".yaml", StringComparison.Ordinal) || path.EndsWith(".yml", StringComparison.Ordinal)) return YamlFile.Read(path);
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new CheckpointException($"'{path}' is no valid JSON: {error.Message}", error);
        }
    }
}
