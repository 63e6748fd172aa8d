using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Prisma.Core;

namespace Prisma.Text;

/// <summary>One step of a tokenizer.json with its settings, and errors that name the file and the step.</summary>
internal readonly struct JsonStep(JsonElement json, string path)
{
    public string Type => Text("type") ?? throw Fault("a step has no 'type'");

    public string? Text(string name) => json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public string Required(string name) => Text(name) ?? throw Fault($"'{name}' is missing");

    public bool Flag(string name, bool otherwise) =>
        json.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : otherwise;

    public bool? Flag(string name) =>
        json.TryGetProperty(name, out var value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : null;

    public int Number(string name, int otherwise) =>
        json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : otherwise;

    public JsonElement? Element(string name) => json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    /// <summary>The step of that name; null where there is none.</summary>
    public JsonStep? Step(string name) => Element(name) is { ValueKind: JsonValueKind.Object } step ? new JsonStep(step, path) : null;

    /// <summary>The steps of a list.</summary>
    public List<JsonStep> Steps(string name)
    {
        if (Element(name) is not { ValueKind: JsonValueKind.Array } list) throw Fault($"'{name}' is no list");
        var file = path;
        return [.. list.EnumerateArray().Select(step => new JsonStep(step, file))];
    }

    /// <summary>A token with its id, as [token, id].</summary>
    public int PairId(string name) => Element(name) is { ValueKind: JsonValueKind.Array } pair && pair.GetArrayLength() == 2 && pair[1].TryGetInt32(out var id)
        ? id
        : throw Fault($"'{name}' is no pair of token and id");

    /// <summary>What a text is searched for: a plain string or a regular expression.</summary>
    public PiecePattern Pattern()
    {
        if (Element("pattern") is not { ValueKind: JsonValueKind.Object } pattern) throw Fault("'pattern' is missing");
        if (pattern.TryGetProperty("String", out var plain)) return new PiecePattern(Regex.Escape(plain.GetString()!));
        if (!pattern.TryGetProperty("Regex", out var expression)) throw Fault("'pattern' is neither String nor Regex");
        try
        {
            return new PiecePattern(expression.GetString()!);
        }
        catch (ArgumentException fault)
        {
            throw new PrismaException($"{path}: the pattern {expression.GetString()} is not built ({fault.Message})", fault);
        }
    }

    public PrismaException NotBuilt(string what, string built) => new($"{path}: the {what} '{Type}' is not built; built are {built}.");

    public CheckpointException Fault(string what) => new($"{path}: {(Text("type") is { } type ? $"{type}: " : "")}{what}.");
}
