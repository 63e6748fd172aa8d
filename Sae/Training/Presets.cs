using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The presets of this library, from the JSON files beside this one: one file per library whose arithmetic they reproduce.</summary>
public static class Presets
{
    private static readonly Lazy<SortedDictionary<string, Preset>> s_all = new(ReadAll);

    /// <summary>All presets by name.</summary>
    public static IReadOnlyDictionary<string, Preset> All => s_all.Value;

    /// <summary>A preset.</summary>
    /// <exception cref="OptionsException">There is none of this name.</exception>
    public static Preset Find(string name) => s_all.Value.TryGetValue(name, out var found)
        ? found
        : throw new OptionsException($"There is no preset '{name}'. Known: {string.Join(", ", s_all.Value.Keys)}.");

    /// <summary>The preset of a reference trainer.</summary>
    /// <exception cref="OptionsException">There is none.</exception>
    public static Preset OfTrainer(string trainer) => s_all.Value.Values.FirstOrDefault(preset => preset.Reference?.Trainers.Contains(trainer) == true)
        ?? throw new OptionsException(
            $"No preset reproduces the trainer '{trainer}'. Known trainers: {string.Join(", ", s_all.Value.Values.SelectMany(preset => preset.Reference?.Trainers ?? []))}.");

    private static SortedDictionary<string, Preset> ReadAll()
    {
        var found = new SortedDictionary<string, Preset>(StringComparer.Ordinal);
        var assembly = typeof(Presets).Assembly;
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.EndsWith(".preset.json", StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var file = TrainJson.Parse(stream, resource);
            var (library, shared) = (file["library"]!.GetValue<string>(), (JsonObject?)file["shared"] ?? []);
            foreach (var (name, own) in (JsonObject)file["presets"]!)
            {
                var whole = TrainJson.Merge(shared, (JsonObject)own!);
                var reference = whole["reference"] is { } names ? (ReferenceNames)TrainJson.Read(names, typeof(ReferenceNames), $"{library}/{name}") : null;
                whole.Remove("reference");
                found.Add($"{library}/{name}", new Preset($"{library}/{name}", whole, reference));
            }
        }
        return found;
    }
}
