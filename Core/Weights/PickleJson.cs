using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;

namespace Prisma.Core;

/// <summary>Turns pickled configurations into JSON; bounded, since values may be shared or contain themselves.</summary>
internal sealed class PickleJson
{
    private const int MaxDepth = 60;
    private const int MaxNodes = 1_000_000;

    private int _nodes;

    public JsonNode? Convert(PickleValue value, int depth = 0)
    {
        if (depth > MaxDepth) throw new CheckpointException($"The pickled value is nested more than {MaxDepth} levels deep, or contains itself: no configuration is.");
        if (++_nodes > MaxNodes) throw new CheckpointException($"The pickled value expands to more than {MaxNodes} parts: no configuration does.");
        switch (value)
        {
            case PickleScalar scalar:
                return Scalar(scalar.Value);
            case PickleSequence sequence:
                return new JsonArray([.. sequence.Items.Select(item => Convert(item, depth + 1))]);
            case PickleDictionary dictionary:
                return Fill([], dictionary, depth);
            case PickleObject instance:
                var json = new JsonObject();
                foreach (var part in instance.Parts) Fill(json, part, depth);
                return json;
            case PickleTensor { IsComplete: true } tensor:
                return $"{tensor.Tensor.Type}[{string.Join(", ", tensor.Tensor.Shape)}]";
            case PickleName name:
                return name.ToString();
            default:
                return value.Kind;
        }
    }

    internal static string KeyText(PickleValue key) => key switch
    {
        PickleScalar { Value: string text } => text,
        PickleScalar { Value: double number } => number.ToString("R", CultureInfo.InvariantCulture),
        PickleScalar scalar => scalar.Value?.ToString() ?? "None",
        PickleSequence { Items.Count: <= 8 } tuple when tuple.Items.All(item => item is PickleScalar) => $"({string.Join(", ", tuple.Items.Select(KeyText))})",
        PickleName name => name.ToString(),
        _ => key.Kind,
    };

    private static JsonNode? Scalar(object? value) => value switch
    {
        null => null,
        bool flag => flag,
        long number => number,
        double number when double.IsFinite(number) => number,
        double number => number.ToString(CultureInfo.InvariantCulture),
        BigInteger number => number.ToString(CultureInfo.InvariantCulture),
        _ => (string)value,
    };

    private JsonObject Fill(JsonObject json, PickleDictionary dictionary, int depth)
    {
        foreach (var (key, value) in dictionary.Entries) json[KeyText(key)] = Convert(value, depth + 1);
        return json;
    }
}
