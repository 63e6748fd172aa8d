using System.Text.Json;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Compares the name of the model that a coder was trained on with a loaded model's.</summary>
public static class ModelNames
{
    /// <summary>
    /// Whether the names can mean the same model: hub owners and library prefixes (<c>open-clip:laion/</c>) are left out, case and punctuation
    /// do not count, and the registry's other names for it count too. Where the file names none, there is nothing to compare.
    /// </summary>
    public static bool MayBeTheSame(string trained, ModelCard loaded)
    {
        ArgumentNullException.ThrowIfNull(trained);
        ArgumentNullException.ThrowIfNull(loaded);
        if (Bare(trained).Length == 0) return true;
        // A model that the registry knows under several names is the same under all of them.
        var wanted = Registry.Default.FindModel(trained) is { } known ? known.Aliases.Append(known.Name).Append(known.Hub ?? "").Append(trained).Select(Bare) : [Bare(trained)];
        return Names(loaded).Select(Bare).Intersect(wanted).Any(name => name.Length > 0);
    }

    // The folder's own name, a hub cache's models--owner--name, and what the configuration calls itself.
    private static IEnumerable<string> Names(ModelCard loaded)
    {
        yield return loaded.Name;
        foreach (var step in loaded.Path.Split('/', '\\'))
            if (step.StartsWith("models--", StringComparison.Ordinal)) yield return step[(step.LastIndexOf("--", StringComparison.Ordinal) + 2)..];
        if (loaded.Config.ValueKind == JsonValueKind.Object && loaded.Config.TryGetProperty("_name_or_path", out var name) && name.ValueKind == JsonValueKind.String)
            yield return name.GetString()!;
    }

    private static string Bare(string name) => new(
        [.. name[(name.LastIndexOfAny(['/', ':']) + 1)..].Where(char.IsLetterOrDigit).Select(char.ToLowerInvariant)]);
}
