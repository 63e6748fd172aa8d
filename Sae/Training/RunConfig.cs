using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>A whole run as one JSON object: what all coders share, and a list of coders, each a preset with changes.</summary>
/// <param name="Options">What the coders share.</param>
/// <param name="Jobs">The coders.</param>
public sealed record RunConfig(RunOptions Options, IReadOnlyList<TrainJob> Jobs)
{
    /// <summary>Reads <c>{"steps": …, "coders": [{"name": …, "preset": …, "reads": […], "features": …}, …]}</c>.</summary>
    /// <param name="json">The object. <c>shared</c> is laid below every coder.</param>
    /// <param name="columns">The data's columns: a coder that names none reads the only one, and <c>expansion</c> multiplies their width.</param>
    /// <exception cref="OptionsException">A name is unknown, or something is missing.</exception>
    public static RunConfig Read(JsonObject json, IReadOnlyList<SourceColumn> columns)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(columns);
        var run = (JsonObject)json.DeepClone();
        var coders = run["coders"] as JsonArray ?? throw new OptionsException("The configuration has no list 'coders'.");
        var shared = run["shared"] as JsonObject ?? [];
        run.Remove("coders");
        run.Remove("shared");
        var options = (RunOptions)TrainJson.Read(run, typeof(RunOptions), "the run");
        return new RunConfig(options, [.. coders.Select((coder, k) => Job(
            TrainJson.Merge(shared, coder as JsonObject ?? throw new OptionsException($"coders[{k}] must be an object.")), k, columns))]);
    }

    private static TrainJob Job(JsonObject json, int number, IReadOnlyList<SourceColumn> columns)
    {
        var name = Take<string>(json, "name") ?? $"coder{number}";
        if (name.IndexOfAny(['/', '\\']) >= 0 || name is "." or "..") throw new OptionsException($"A coder cannot be called '{name}': its name becomes a folder.");
        var reads = Names(json, "reads") ?? (columns.Count == 1 ? [columns[0].Name]
            : throw new OptionsException($"{name}: say what it reads; the data has {string.Join(", ", columns.Select(column => column.Name))}."));
        var writes = Names(json, "writes") ?? reads;
        var (features, expansion) = (Take<int?>(json, "features"), Take<double?>(json, "expansion"));
        if (features is null == expansion is null) throw new OptionsException($"{name}: give either 'features' or 'expansion'.");
        var width = columns.Where(column => reads.Contains(column.Name)).Sum(column => column.Width) / Math.Max(1, reads.Count);
        return new TrainJob
        {
            Name = name,
            Reads = reads,
            Writes = writes,
            Features = features ?? (int)Math.Round(expansion!.Value * width),
            Settings = TrainJson.Settings(json, name),
        };
    }

    private static IReadOnlyList<string>? Names(JsonObject json, string key)
    {
        var value = json[key];
        json.Remove(key);
        return value switch
        {
            null => null,
            JsonArray list when list.Count > 0 && list.All(item => item?.GetValueKind() == JsonValueKind.String) => [.. list.Select(item => item!.GetValue<string>())],
            JsonValue one when one.GetValueKind() == JsonValueKind.String => [one.GetValue<string>()],
            _ => throw new OptionsException($"'{key}' must be a name or a list of names."),
        };
    }

    private static T? Take<T>(JsonObject json, string key)
    {
        var value = json[key];
        json.Remove(key);
        if (value is null) return default;
        try
        {
            return value.Deserialize<T>(TrainJson.Style);
        }
        catch (JsonException)
        {
            throw new OptionsException($"'{key}' is {value.ToJsonString()}, which is not of the kind that is expected there.");
        }
    }
}
