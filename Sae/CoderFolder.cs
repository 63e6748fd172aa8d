using System.Text.Json;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The files of one folder, with what formats need to recognise their own: JSON contents and tensor names, each read once.</summary>
public sealed class CoderFolder
{
    private readonly Dictionary<string, JsonElement?> _json = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyDictionary<string, IReadOnlyList<long>>?> _tensors = new(StringComparer.Ordinal);

    internal CoderFolder(string path)
    {
        // Formats read places from the names of folders, also those above.
        Path = System.IO.Path.GetFullPath(path);
        Files = [.. Directory.GetFiles(path).Select(file => System.IO.Path.GetFileName(file)).Order(StringComparer.Ordinal)];
    }

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The names of its files, in order.</summary>
    public IReadOnlyList<string> Files { get; }

    /// <summary>The path of one of its files.</summary>
    public string this[string file] => System.IO.Path.Combine(Path, file);

    /// <summary>Whether it has the file.</summary>
    public bool Has(string file) => Files.Contains(file);

    /// <summary>The files with one of these endings.</summary>
    public IEnumerable<string> EndingWith(params IEnumerable<string> endings) =>
        Files.Where(file => endings.Any(ending => file.EndsWith(ending, StringComparison.Ordinal)));

    /// <summary>A JSON object by its file name; null where it is missing or no JSON object.</summary>
    public JsonElement? Json(string file)
    {
        if (!_json.TryGetValue(file, out var found)) _json[file] = found = Has(file) ? ParseOrNull(this[file]) : null;
        return found;
    }

    /// <summary>Whether a configuration is there and cannot be read: a format that would use it claims its weights, so that reading says so.</summary>
    public bool IsDamaged(string file) =>
        Has(file) && (file.EndsWith(".json", StringComparison.Ordinal) ? Json(file) : Yaml(file)) is null;

    /// <summary>A YAML mapping by its file name, as JSON; null where it is missing or no mapping.</summary>
    public JsonElement? Yaml(string file)
    {
        if (!_json.TryGetValue(file, out var found)) _json[file] = found = Has(file) ? YamlFile.ReadOrNull(this[file]) : null;
        return found;
    }

    /// <summary>The names of a file's tensors; null where the file is no checkpoint. A damaged checkpoint is reported when it is read.</summary>
    public IReadOnlySet<string>? TensorNames(string file) => Shapes(file)?.Keys.ToHashSet(StringComparer.Ordinal);

    /// <summary>The shapes of a file's tensors by their names, wrappers such as <c>_orig_mod.</c> taken off; null where the file is no checkpoint.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<long>>? Shapes(string file)
    {
        if (_tensors.TryGetValue(file, out var found)) return found;
        try
        {
            using var source = TensorSource.Open(this[file]);
            found = source.WithoutPrefixes().Tensors.ToDictionary(tensor => tensor.Name, tensor => tensor.Shape, StringComparer.Ordinal);
        }
        catch (CheckpointException)
        {
            found = null;
        }
        return _tensors[file] = found;
    }

    private static JsonElement? ParseOrNull(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Object ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
