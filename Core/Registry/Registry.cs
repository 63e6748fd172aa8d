using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Prisma.Core;

/// <summary>
/// The models and published sparse coders that are known by name: <c>weights/registry.json</c>. It tells where they are and what to expect; what a
/// checkpoint is, its own configuration decides.
/// </summary>
public sealed class Registry
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new JsonStringEnumConverter<Verified>(JsonNamingPolicy.SnakeCaseLower) },
    };

    private static readonly Lazy<Registry> s_default = new(() =>
    {
        using var stream = typeof(Registry).Assembly.GetManifestResourceStream("registry.json")!;
        return Read(stream, "weights/registry.json");
    });

    private Registry(IReadOnlyDictionary<string, string> levels, IReadOnlyDictionary<string, string> families, IReadOnlyList<RegisteredModel> models, IReadOnlyList<RegisteredCoder> coders) =>
        (Levels, Families, Models, Coders) = (levels, families, models, coders);

    /// <summary>The one that this version was built with.</summary>
    public static Registry Default => s_default.Value;

    /// <summary>What each level of <see cref="Verified"/> means, in words.</summary>
    public IReadOnlyDictionary<string, string> Levels { get; }

    /// <summary>The families that models belong to, built or not, in words.</summary>
    public IReadOnlyDictionary<string, string> Families { get; }

    /// <summary>The models.</summary>
    public IReadOnlyList<RegisteredModel> Models { get; }

    /// <summary>The sparse coders.</summary>
    public IReadOnlyList<RegisteredCoder> Coders { get; }

    /// <summary>Reads a registry; <paramref name="where"/> names it in messages.</summary>
    /// <exception cref="OptionsException">It is no registry: a key is unknown or missing, or an entry names something that is not there.</exception>
    public static Registry Read(Stream stream, string where)
    {
        ArgumentNullException.ThrowIfNull(stream);
        try
        {
            var root = JsonNode.Parse(stream)!.AsObject();
            var architectures = Table<ModelArchitecture>(root["architectures"]);
            var models = root["models"]!.AsArray().Select(node => node.Deserialize<RegisteredModel>(s_json)!).ToList();
            foreach (var model in models)
                model.Architecture = architectures.GetValueOrDefault(model.ArchitectureName) ?? throw new JsonException($"'{model.Name}' has the architecture '{model.ArchitectureName}', which is not listed");
            var registry = new Registry(Table<string>(root["levels"]), Table<string>(root["families"]), models, [.. root["coders"]!.AsArray().SelectMany(group => Unfold(group!.AsObject()))]);
            registry.Check();
            return registry;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NullReferenceException)
        {
            throw new OptionsException($"'{where}' is no registry of models: {e.Message}");
        }
    }

    /// <summary>A model by one of its names or its hub id; null where none is called so.</summary>
    public RegisteredModel? FindModel(string name) => Models.FirstOrDefault(model => model.Name == name) ?? Models.FirstOrDefault(model => model.IsCalled(name));

    /// <summary>A coder by its name, or by its repository and the path in it; null where none is called so.</summary>
    public RegisteredCoder? FindCoder(string name) => Coders.FirstOrDefault(coder => coder.Name == name) ?? Coders.FirstOrDefault(coder => coder.IsCalled(name));

    /// <summary>The coders that were trained on a model.</summary>
    public IEnumerable<RegisteredCoder> CodersOf(RegisteredModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Coders.Where(coder => model.IsCalled(coder.Model));
    }

    /// <summary>Known names that a text may have meant, models first: those that hold it, else those that are spelt alike.</summary>
    public IReadOnlyList<string> Suggest(string text, bool models = true, bool coders = true)
    {
        ArgumentNullException.ThrowIfNull(text);
        var names = (models ? Models.Select(model => model.Name) : []).Concat(coders ? Coders.Select(coder => coder.Name) : []).ToList();
        var holding = text.Length > 2 ? names.Where(name => name.Contains(text, StringComparison.OrdinalIgnoreCase)).OrderBy(name => name.Length).Take(3).ToList() : [];
        return holding.Count > 0 ? holding : NearestNames.Of(text, names);
    }

    private static Dictionary<string, T> Table<T>(JsonNode? node) => node.Deserialize<Dictionary<string, T>>(s_json)!;

    // A group says once what its items share; an item's own word counts.
    private static IEnumerable<RegisteredCoder> Unfold(JsonObject group)
    {
        foreach (var item in group["items"]!.AsArray())
        {
            var whole = new JsonObject();
            foreach (var (key, value) in group.Where(pair => pair.Key != "items").Concat(item!.AsObject())) whole[key] = value?.DeepClone();
            yield return whole.Deserialize<RegisteredCoder>(s_json)!;
        }
    }

    private void Check()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in Models.SelectMany(model => model.Aliases.Prepend(model.Name)).Concat(Coders.Select(coder => coder.Name)))
            if (!names.Add(name)) throw new JsonException($"the name '{name}' stands there twice");
        foreach (var coder in Coders)
            if (FindModel(coder.Model) is null) throw new JsonException($"'{coder.Name}' was trained on '{coder.Model}', which is not listed");
        foreach (var model in Models)
            if (!Families.ContainsKey(model.Architecture.Family)) throw new JsonException($"'{model.Name}' is of the family '{model.Architecture.Family}', which is not listed");
    }
}
