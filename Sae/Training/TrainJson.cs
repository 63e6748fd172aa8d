using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Settings as JSON: names in snake_case, unknown names refused, presets filled in below what is written.</summary>
public static class TrainJson
{
    private static readonly JsonDocumentOptions s_document = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    /// <summary>How settings are read and written.</summary>
    public static JsonSerializerOptions Style { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        WriteIndented = true,
    };

    /// <summary>The object of a file; comments and trailing commas are allowed.</summary>
    /// <exception cref="OptionsException">There is no such file, or it holds no JSON object.</exception>
    public static JsonObject Open(string path)
    {
        if (!File.Exists(path)) throw new OptionsException($"There is no file '{path}'.");
        using var stream = File.OpenRead(path);
        return Parse(stream, $"'{path}'");
    }

    internal static JsonObject Parse(Stream stream, string where)
    {
        try
        {
            return JsonNode.Parse(stream, documentOptions: s_document) as JsonObject ?? throw new OptionsException($"{where} holds no JSON object.");
        }
        catch (JsonException e)
        {
            throw new OptionsException($"{where} is no JSON: {e.Message}");
        }
    }

    /// <summary>Reads one coder's settings: an object with <c>preset</c> or <c>architecture</c> and what differs from it.</summary>
    /// <param name="json">The object; keys that belong to the run (name, sites, sizes) must be taken out before.</param>
    /// <param name="where">What to call it in messages.</param>
    /// <param name="catalog">The architectures; those of this library by default.</param>
    /// <exception cref="OptionsException">A name is unknown or a value has the wrong kind.</exception>
    public static CoderSettings Settings(JsonObject json, string where, ArchitectureCatalog? catalog = null)
    {
        ArgumentNullException.ThrowIfNull(json);
        catalog ??= ArchitectureCatalog.Default;
        var own = (JsonObject)json.DeepClone();
        var preset = own["preset"]?.GetValue<string>();
        own.Remove("preset");
        var full = preset is null ? own : Merge(Presets.Find(preset).Settings, own);
        var architecture = full["architecture"]?.GetValue<string>()
            ?? throw new OptionsException($"{where}: name a 'preset' or an 'architecture' ({string.Join(", ", catalog.Names)}).");
        var options = (TrainedOptions)Read(full["options"] ?? new JsonObject(), catalog.OptionsOf(architecture), $"{where}, options of {architecture}");
        full.Remove("options");
        full.Remove("architecture");
        return ((Rest)Read(full, typeof(Rest), where)).With(architecture, options);
    }

    /// <summary>An object with another's entries laid over it: inner objects are merged, null takes an entry away, everything else replaces (RFC 7396).</summary>
    public static JsonObject Merge(JsonObject below, JsonObject above)
    {
        ArgumentNullException.ThrowIfNull(below);
        ArgumentNullException.ThrowIfNull(above);
        var merged = (JsonObject)below.DeepClone();
        foreach (var (name, value) in above)
        {
            if (value is null) merged.Remove(name);
            else merged[name] = value is JsonObject inner && merged[name] is JsonObject own ? Merge(own, inner) : value.DeepClone();
        }
        return merged;
    }

    /// <summary>Reads a record strictly.</summary>
    /// <exception cref="OptionsException">A name is unknown or a value has the wrong kind.</exception>
    public static object Read(JsonNode json, Type type, string where)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(type);
        try
        {
            return json.Deserialize(type, Style) ?? throw new OptionsException($"{where}: null is no value here.");
        }
        catch (JsonException e)
        {
            var names = type.GetProperties().Where(property => property.CanWrite).Select(property => JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name)).Order();
            throw new OptionsException($"{where}: {Reason(e)} Known here: {string.Join(", ", names)}.");
        }
    }

    // The first sentence of the reader's message names the property or the wrong value; the rest speaks of .NET types.
    private static string Reason(JsonException e)
    {
        var message = e.Message;
        var property = System.Text.RegularExpressions.Regex.Match(message, "The JSON property '([^']*)' could not be mapped");
        return property.Success
            ? $"'{property.Groups[1].Value}' is no setting."
            : $"the value at {e.Path ?? "$"} is not of the kind that is expected there.";
    }

    /// <summary>What all architectures are set by, as it stands in JSON.</summary>
    private sealed record Rest
    {
        public OptimizerOptions Optimizer { get; init; } = new();

        public ScheduleOptions Schedule { get; init; } = new();

        public DeadOptions Dead { get; init; } = new();

        public IReadOnlyList<string>? Update { get; init; }

        public long FirstStep { get; init; }

        internal CoderSettings With(string architecture, TrainedOptions options)
        {
            var settings = new CoderSettings
            {
                Architecture = architecture,
                Options = options,
                Optimizer = Optimizer,
                Schedule = Schedule,
                Dead = Dead,
                FirstStep = FirstStep,
            };
            return Update is null ? settings : settings with { Update = Update };
        }
    }
}
