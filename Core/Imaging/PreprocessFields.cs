using System.Text.Json;

namespace Prisma.Core;

/// <summary>Reads the fields of a preprocessing file and gathers every fault, so that they are reported together.</summary>
internal sealed class PreprocessFields(JsonElement json, string file)
{
    public List<string> Faults { get; } = [];

    public JsonElement? this[string key] =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public IEnumerable<JsonProperty> All => json.ValueKind == JsonValueKind.Object ? json.EnumerateObject() : [];

    public string? Text(string key) => this[key] is { } value ? value.ValueKind == JsonValueKind.String ? value.GetString() : Wrong<string>(key, "a text") : null;

    public bool Flag(string key, bool missing) => this[key] is { } value
        ? value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : Wrong<bool>(key, "true or false")
        : missing;

    public double Number(string key, double missing) => this[key] is { } value
        ? value.ValueKind == JsonValueKind.Number ? value.GetDouble() : Wrong<double>(key, "a number")
        : missing;

    /// <summary>One number per channel, or one for all.</summary>
    public float[] Channels(string key, ReadOnlySpan<double> missing)
    {
        if (this[key] is not { } value) return [(float)missing[0], (float)missing[1], (float)missing[2]];
        if (value.ValueKind == JsonValueKind.Number) return [value.GetSingle(), value.GetSingle(), value.GetSingle()];
        if (value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 3 && value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.Number))
            return [.. value.EnumerateArray().Select(v => (float)v.GetDouble())];
        return Wrong<float[]>(key, "three numbers") ?? [0, 0, 0];
    }

    /// <summary>A pixel count.</summary>
    public int Pixels(JsonElement value, string key)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var pixels) && pixels is > 0 and <= 16384) return pixels;
        Faults.Add($"{key} is {value.GetRawText()}, expected a number of pixels from 1 to 16384");
        return 1;
    }

    public void ThrowIfFaulty()
    {
        if (Faults.Count > 0) throw new CheckpointException($"'{file}' cannot be followed: {string.Join("; ", Faults)}.");
    }

    private T? Wrong<T>(string key, string expected)
    {
        Faults.Add($"{key} is {this[key]!.Value.GetRawText()}, expected {expected}");
        return default;
    }
}
