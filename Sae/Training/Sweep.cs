using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// Several coders from one: <c>"sweep": {"options.k": [16, 32], "seed": [0, 1]}</c> makes one for each combination, all trained over the same pass, named after
/// the values (<c>coder-k=16-seed=0</c>).
/// </summary>
internal static class Sweep
{
    /// <summary>The coders that an object stands for: itself where it has no <c>sweep</c>.</summary>
    /// <exception cref="OptionsException">The sweep is no object of lists.</exception>
    internal static IEnumerable<JsonObject> Expand(JsonObject coder, string name)
    {
        if (coder["sweep"] is not { } given)
        {
            yield return coder;
            yield break;
        }
        if (given is not JsonObject { Count: > 0 } sweep) throw new OptionsException($"{name}: 'sweep' must be an object such as {{\"options.k\": [16, 32]}}.");
        var plain = (JsonObject)coder.DeepClone();
        plain.Remove("sweep");
        IEnumerable<(string Name, JsonObject Coder)> made = [(name, plain)];
        foreach (var (key, value) in sweep)
        {
            if (value is not JsonArray { Count: > 0 } list) throw new OptionsException($"{name}: 'sweep' needs a list of values for '{key}'.");
            if (key is "name" or "sweep") throw new OptionsException($"{name}: 'sweep' cannot set '{key}'.");
            // The last words that tell the keys apart would do; the last one is what people say.
            var word = key.Split('.')[^1];
            made = [.. made.SelectMany(one => list.Select(item => ($"{one.Name}-{word}={Said(item)}", With(one.Coder, key.Split('.'), item, name))))];
        }
        foreach (var (own, one) in made)
        {
            one["name"] = own;
            yield return one;
        }
    }

    private static JsonObject With(JsonObject coder, string[] path, JsonNode? value, string name)
    {
        var changed = (JsonObject)coder.DeepClone();
        var at = changed;
        foreach (var word in path[..^1])
        {
            at[word] ??= new JsonObject();
            at = at[word] as JsonObject ?? throw new OptionsException($"{name}: 'sweep' names '{string.Join('.', path)}', but '{word}' is no object.");
        }
        at[path[^1]] = value?.DeepClone();
        return changed;
    }

    // A folder's name: what a value holds without quotes, brackets and slashes.
    private static string Said(JsonNode? value)
    {
        var text = value is JsonValue one && one.TryGetValue<string>(out var word) ? word : value?.ToJsonString() ?? "null";
        return string.Concat(text.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-' or '_' or '+' or '*' ? letter : '_')).Trim('_');
    }
}
