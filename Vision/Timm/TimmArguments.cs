using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Vision;

/// <summary>
/// What timm's constructors are called with. A checkpoint says its architecture's name and what differs from it (<c>model_args</c>); what
/// the name stands for is in the tables embedded here, one per family, taken from timm 1.0's model definitions.
/// </summary>
internal static class TimmArguments
{
    /// <summary>The table of that name: architecture to arguments.</summary>
    internal static IReadOnlyDictionary<string, JsonElement> Table(string name)
    {
        var resource = $"{name}.architectures.json";
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)
            ?? throw new InvalidOperationException($"The table '{resource}' is not embedded in Prisma.Vision.");
        using var document = JsonDocument.Parse(stream);
        return document.RootElement.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.Clone(), StringComparer.Ordinal);
    }

    /// <summary>
    /// The arguments of a folder's model: the architecture's, over them <c>model_args</c>, and where neither says so, what timm takes from
    /// <c>pretrained_cfg</c>: number of classes, pooling, channels and, for models of fixed size, the picture size.
    /// </summary>
    internal static ConfigReader Read(ModelFolder folder, IReadOnlyDictionary<string, JsonElement> table)
    {
        var where = Path.Combine(folder.Path, folder.ConfigFile);
        if (!table.TryGetValue(folder.Architecture, out var named))
            throw new CheckpointException($"{where}: the timm architecture '{folder.Architecture}' is not in the table; nearest: {string.Join(", ", NearestNames.Of(folder.Architecture, table.Keys))}.");
        var arguments = new JsonObject();
        Overlay(arguments, named);
        if (folder.Config.TryGetProperty("model_args", out var own) && own.ValueKind == JsonValueKind.Object) Overlay(arguments, own);
        // Old files are the pretrained_cfg itself.
        var pretrained = folder.Config.TryGetProperty("pretrained_cfg", out var inner) && inner.ValueKind == JsonValueKind.Object ? inner : folder.Config;
        if ((Number(folder.Config, "num_classes") ?? Number(pretrained, "num_classes")) is { } classes and >= 0) arguments.TryAdd("num_classes", classes);
        if (pretrained.TryGetProperty("global_pool", out var pool) && pool.ValueKind == JsonValueKind.String) arguments.TryAdd("global_pool", pool.GetString());
        if (pretrained.TryGetProperty("input_size", out var size) && size.ValueKind == JsonValueKind.Array && size.GetArrayLength() == 3)
        {
            arguments.TryAdd("in_chans", JsonNode.Parse(size[0].GetRawText()));
            if (pretrained.TryGetProperty("fixed_input_size", out var isFixed) && isFixed.ValueKind == JsonValueKind.True)
                arguments.TryAdd("img_size", new JsonArray(JsonNode.Parse(size[1].GetRawText()), JsonNode.Parse(size[2].GetRawText())));
        }
        return new ConfigReader(JsonSerializer.SerializeToElement(arguments), $"{where}, {folder.Architecture}");
    }

    /// <summary>A named architecture's arguments with others over them, inside another library's configuration.</summary>
    /// <param name="named">The architecture's.</param>
    /// <param name="own">What the configuration adds.</param>
    /// <param name="size">The picture size, unless they say otherwise.</param>
    /// <param name="head">Pooling and number of classes; the architecture's where null.</param>
    /// <param name="where">The configuration, for messages.</param>
    internal static ConfigReader Over(JsonElement named, JsonElement own, (int Height, int Width) size, (string Pool, int Classes)? head, string where)
    {
        var arguments = new JsonObject();
        Overlay(arguments, named);
        Overlay(arguments, own);
        if (head is var (pool, classes)) (arguments["global_pool"], arguments["num_classes"]) = (pool, classes);
        arguments.TryAdd("img_size", new JsonArray(size.Height, size.Width));
        return new ConfigReader(JsonSerializer.SerializeToElement(arguments), where);
    }

    private static void Overlay(JsonObject arguments, JsonElement with)
    {
        foreach (var argument in with.EnumerateObject()) arguments[argument.Name] = JsonNode.Parse(argument.Value.GetRawText());
    }

    private static int? Number(JsonElement json, string key) => json.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : null;
}
