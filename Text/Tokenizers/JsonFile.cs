using System.Text.Json;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>JSON files of a tokenizer folder, with errors that name the file.</summary>
internal static class JsonFile
{
    /// <summary>The root object of a file, or null where there is no such file.</summary>
    public static JsonElement? TryOpen(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        return File.Exists(path) ? Open(path) : null;
    }

    /// <summary>The root object of a file.</summary>
    public static JsonElement Open(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new CheckpointException($"{path}: expected a JSON object, found {document.RootElement.ValueKind}.");
            return document.RootElement.Clone();
        }
        catch (JsonException fault)
        {
            throw new CheckpointException($"{path}: not valid JSON ({fault.Message}).", fault);
        }
    }

    /// <summary>An object of names and whole numbers, as vocab.json is.</summary>
    public static Dictionary<string, int> Numbers(JsonElement json, string path)
    {
        var numbers = new Dictionary<string, int>();
        foreach (var entry in json.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out var number))
                throw new CheckpointException($"{path}: the id of '{entry.Name}' is {entry.Value.GetRawText()}, not a whole number.");
            numbers[entry.Name] = number;
        }
        return numbers;
    }
}
