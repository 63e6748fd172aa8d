using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Turns another library's hyper-parameters into settings, by the names that its preset lists.</summary>
public sealed record ReferenceSettings
{
    /// <summary>The coder's settings.</summary>
    public required CoderSettings Settings { get; init; }

    /// <summary>The library's names.</summary>
    public required ReferenceNames Names { get; init; }

    /// <summary>Steps of the whole run, by which schedules are stretched; null where the hyper-parameters do not say.</summary>
    public long? TotalSteps { get; init; }

    /// <summary>Rows per step; null where the hyper-parameters do not say.</summary>
    public int? BatchRows { get; init; }

    /// <summary>Reads <c>{"trainer": …, "hyperparameters": {…}}</c>.</summary>
    /// <param name="json">The file's object.</param>
    /// <param name="presetName">The preset, where the file names no trainer.</param>
    /// <exception cref="OptionsException">No preset fits, or a hyper-parameter is not known to it.</exception>
    public static ReferenceSettings Read(JsonObject json, string? presetName)
    {
        ArgumentNullException.ThrowIfNull(json);
        var trainer = json["trainer"]?.GetValue<string>();
        var preset = presetName is not null ? Presets.Find(presetName)
            : trainer is not null ? Presets.OfTrainer(trainer)
            : throw new OptionsException("The hyper-parameters name no 'trainer': say which preset they are for (--preset).");
        var names = preset.Reference ?? throw new OptionsException($"The preset '{preset.Name}' imitates no other library.");
        var (settings, run, unknown) = ((JsonObject)preset.Settings.DeepClone(), new Dictionary<string, double>(StringComparer.Ordinal), new List<string>());
        foreach (var (name, value) in Flat(json["hyperparameters"] as JsonObject ?? [], ""))
            if (!Apply(names, name, value, ref settings, run)) unknown.Add($"{name} = {value?.ToJsonString() ?? "null"}");
        if (unknown.Count > 0)
            throw new OptionsException($"The preset '{preset.Name}' does not know: {string.Join(", ", unknown)}. Known: {string.Join(", ", names.Hyperparameters.Keys.Concat(names.Choices.Keys).Order())}.");
        return new ReferenceSettings
        {
            Settings = TrainJson.Settings(settings, preset.Name),
            Names = names,
            TotalSteps = run.TryGetValue("run.steps", out var steps) ? (long)steps : null,
            BatchRows = run.TryGetValue("run.batch_rows", out var rows) ? (int)rows : null,
        };
    }

    private static bool Apply(ReferenceNames names, string name, JsonNode? value, ref JsonObject settings, Dictionary<string, double> run)
    {
        if (value is not null && names.Choices.TryGetValue($"{name}={Word(value)}", out var piece))
        {
            settings = TrainJson.Merge(settings, piece);
            return true;
        }
        if (!names.Hyperparameters.TryGetValue(name, out var targets)) return false;
        foreach (var target in targets.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var (path, scaled) = Scaled(target, value);
            if (path.StartsWith("run.", StringComparison.Ordinal)) run[path] = Number(scaled);
            else settings = TrainJson.Merge(settings, Nested(path, scaled));
        }
        return true;
    }

    private static string Word(JsonNode value) => value.GetValueKind() == JsonValueKind.String ? value.GetValue<string>() : value.ToJsonString();

    // "path*factor+addend"
    private static (string Path, JsonNode? Value) Scaled(string target, JsonNode? value)
    {
        var parts = target.Split('*');
        if (parts.Length == 1 || value is null) return (parts[0], value?.DeepClone());
        var numbers = parts[1].Split('+');
        var factor = double.Parse(numbers[0], CultureInfo.InvariantCulture);
        var addend = numbers.Length > 1 ? double.Parse(numbers[1], CultureInfo.InvariantCulture) : 0;
        return (parts[0], JsonValue.Create(Number(value) * factor + addend));
    }

    private static JsonObject Nested(string path, JsonNode? value)
    {
        var keys = path.Split('.');
        JsonNode? inner = value;
        foreach (var key in keys.Reverse()) inner = new JsonObject { [key] = inner };
        return (JsonObject)inner!;
    }

    private static double Number(JsonNode? value) => value?.GetValueKind() == JsonValueKind.Number
        ? double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture)
        : throw new OptionsException($"{value?.ToJsonString() ?? "null"} must be a number.");

    // Objects become dotted names; a list is one value; null takes the preset's value away.
    private static IEnumerable<(string Name, JsonNode? Value)> Flat(JsonObject json, string prefix)
    {
        foreach (var (name, value) in json)
        {
            if (value is JsonObject inner)
                foreach (var entry in Flat(inner, $"{prefix}{name}.")) yield return entry;
            else
                yield return (prefix + name, value);
        }
    }
}
