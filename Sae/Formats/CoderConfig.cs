using System.Globalization;
using System.Text.Json;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// A coder's configuration: the file's keys, then the user's <c>--set</c> for keys that the file lacks. What only the format defines is noted,
/// what nobody says is refused with the key's name.
/// </summary>
internal sealed class CoderConfig(JsonElement json, string file, CoderOptions options)
{
    private readonly List<string> _byFormat = [];
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    /// <summary>What the format had to define.</summary>
    internal IReadOnlyList<string> ByFormatNotes => _byFormat;

    internal JsonElement Json => json;

    internal string File => file;

    /// <summary>Whether the file or the user gives the key, and not as null.</summary>
    internal bool Has(params IEnumerable<string> keys) => Find(keys) is not null;

    /// <summary>The first of the keys as text; null where none is given.</summary>
    internal string? Text(params IEnumerable<string> keys) => Find(keys) switch
    {
        null => null,
        { Value.ValueKind: JsonValueKind.String } found => found.Value.GetString(),
        { } found => throw Wrong(found, "a text"),
    };

    /// <summary>The key as a list of texts; null where it is not given. Settings separate them by commas.</summary>
    internal IReadOnlyList<string>? Texts(string key) => Find([key]) switch
    {
        null => null,
        { Value.ValueKind: JsonValueKind.String } found => found.Value.GetString()!.Split(','),
        { Value.ValueKind: JsonValueKind.Array } found when found.Value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
            [.. found.Value.EnumerateArray().Select(item => item.GetString()!)],
        { } found => throw Wrong(found, "a list of texts"),
    };

    /// <summary>The first of the keys as a number.</summary>
    internal double? Number(params IEnumerable<string> keys) => Find(keys) switch
    {
        null => null,
        { Value.ValueKind: JsonValueKind.Number } found when found.Value.TryGetDouble(out var number) && double.IsFinite(number) => number,
        { Value.ValueKind: JsonValueKind.String } found
            when double.TryParse(found.Value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => number,
        { } found => throw Wrong(found, "a number"),
    };

    /// <summary>The first of the keys as a whole number; a list of one counts.</summary>
    internal int? Int(params IEnumerable<string> keys)
    {
        if (Find(keys) is not { } found) return null;
        if (found.Value.ValueKind == JsonValueKind.Array && found.Value.GetArrayLength() == 1) found = found with { Value = found.Value[0] };
        if (found.Value.ValueKind == JsonValueKind.Number && found.Value.TryGetDouble(out var number) && number == Math.Floor(number) && Math.Abs(number) < int.MaxValue)
            return (int)number;
        if (found.Value.ValueKind == JsonValueKind.String && int.TryParse(found.Value.GetString(), NumberStyles.Integer, CultureInfo.InvariantCulture, out var parsed))
            return parsed;
        throw Wrong(found, "a whole number");
    }

    /// <summary>The first of the keys as a truth value.</summary>
    internal bool? Flag(params IEnumerable<string> keys) => Find(keys) switch
    {
        null => null,
        { Value.ValueKind: JsonValueKind.True } => true,
        { Value.ValueKind: JsonValueKind.False } => false,
        { Value.ValueKind: JsonValueKind.String } found when bool.TryParse(found.Value.GetString(), out var flag) => flag,
        { } found => throw Wrong(found, "true or false"),
    };

    /// <summary>Notes a value that the file lacks and the format defines.</summary>
    internal T ByFormat<T>(string key, T value, string reason)
    {
        var note = $"{key} = {Convert.ToString(value, CultureInfo.InvariantCulture)?.ToLowerInvariant()} ({reason})";
        if (!_byFormat.Contains(note)) _byFormat.Add(note);
        return value;
    }

    /// <summary>What to throw for a key that nobody gives.</summary>
    internal CheckpointException Open(string key, string meaning) =>
        new($"'{file}' leaves '{key}' open ({meaning}). Say it with --set {key}=VALUE.");

    /// <summary>What to throw for a value that the format has and this program cannot run, or that the format does not have.</summary>
    internal CheckpointException Unknown(string key, string? value, params IEnumerable<string> known) =>
        new($"'{file}': {key} '{value}' is not built. Built: {string.Join(", ", known)}.");

    /// <summary>Refuses settings that nothing asked for.</summary>
    internal void Finish()
    {
        var unused = options.Set.Keys.Where(key => !_asked.Contains(key)).ToList();
        if (unused.Count > 0)
            throw new OptionsException($"'{file}' takes no setting {string.Join(", ", unused)}. It looks at: {string.Join(", ", _asked.Order(StringComparer.Ordinal))}.");
    }

    // Keys with dots reach into nested objects.
    private Found? Find(IEnumerable<string> keys)
    {
        Found? stored = null, given = null;
        foreach (var key in keys)
        {
            _asked.Add(key);
            var at = json;
            var there = key.Split('.').All(step => at.ValueKind == JsonValueKind.Object && at.TryGetProperty(step, out at));
            if (there && at.ValueKind != JsonValueKind.Null) stored ??= new Found(key, at);
            if (options.Set.TryGetValue(key, out var text)) given ??= new Found(key, JsonSerializer.SerializeToElement(text));
        }
        if (stored is not null && given is not null)
            throw new OptionsException($"'{file}' says {stored.Key} = {stored.Value.GetRawText()}; --set {given.Key} is only for what a file leaves open.");
        return stored ?? given;
    }

    private CheckpointException Wrong(Found found, string wanted) => new($"'{file}': {found.Key} is {found.Value.GetRawText()}, {wanted} is expected.");

    private sealed record Found(string Key, JsonElement Value);
}
