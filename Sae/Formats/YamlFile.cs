using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Prisma.Sae;

/// <summary>YAML configurations as JSON: unquoted null, true, false and numbers become such, all other scalars are text.</summary>
internal static class YamlFile
{
    private const int MaxBytes = 16 << 20;
    private const int MaxDepth = 100;

    /// <exception cref="CheckpointException">It is no YAML mapping.</exception>
    internal static JsonElement Read(string path)
    {
        try
        {
            if (new FileInfo(path).Length > MaxBytes) throw new CheckpointException($"'{path}' is too large for a configuration.");
            CheckDepth(path);
            var stream = new YamlStream();
            using (var text = File.OpenText(path)) stream.Load(text);
            return stream.Documents is [{ RootNode: YamlMappingNode root }, ..]
                ? JsonSerializer.SerializeToElement(Convert(root, new Budget()))
                : throw new CheckpointException($"'{path}' is no YAML mapping of keys to values.");
        }
        catch (YamlException error)
        {
            throw new CheckpointException($"'{path}' is no valid YAML: {error.Message}", error);
        }
    }

    // Event by event, before nodes are built by recursion.
    private static void CheckDepth(string path)
    {
        using var text = File.OpenText(path);
        var parser = new Parser(text);
        for (var depth = 0; parser.MoveNext();)
        {
            depth += parser.Current!.NestingIncrease;
            if (depth > MaxDepth) throw new CheckpointException($"'{path}' is nested more than {MaxDepth} levels deep: it is no configuration.");
        }
    }

    internal static JsonElement? ReadOrNull(string path)
    {
        try
        {
            return Read(path);
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    private static JsonNode? Convert(YamlNode node, Budget budget)
    {
        budget.Spend();
        return node switch
        {
            YamlMappingNode mapping => new JsonObject(mapping.Children
                .DistinctBy(pair => Text(pair.Key), StringComparer.Ordinal).Select(pair => KeyValuePair.Create(Text(pair.Key), Convert(pair.Value, budget)))),
            YamlSequenceNode sequence => new JsonArray([.. sequence.Children.Select(child => Convert(child, budget))]),
            YamlScalarNode { Style: ScalarStyle.Plain } plain => Plain(plain.Value ?? ""),
            YamlScalarNode quoted => quoted.Value,
            _ => null,
        };
    }

    private static string Text(YamlNode key) => (key as YamlScalarNode)?.Value ?? key.ToString();

    private static JsonNode? Plain(string text) => text switch
    {
        "" or "~" or "null" or "Null" or "NULL" => null,
        "true" or "True" or "TRUE" => true,
        "false" or "False" or "FALSE" => false,
        _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var whole) => whole,
        _ when double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) => number,
        _ => text,
    };

    // Aliases may repeat a node without end.
    private sealed class Budget
    {
        private int _left = 1_000_000;

        internal void Spend()
        {
            if (--_left < 0) throw new CheckpointException("A YAML configuration expands to more than a million values.");
        }
    }
}
