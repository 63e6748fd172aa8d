using System.Text.Json;

namespace Prisma.Text;

/// <summary>The special tokens that a single text is framed with.</summary>
internal readonly record struct SpecialFrame(int[] Head, int[] Tail)
{
    public static SpecialFrame None => new([], []);

    /// <summary>Reads the post-processor of a tokenizer.json.</summary>
    public static SpecialFrame Read(JsonStep? step)
    {
        if (step is not { } json) return None;
        switch (json.Type)
        {
            case "Sequence":
                var frames = json.Steps("processors").Select(inner => Read(inner)).ToList();
                return new([.. frames.AsEnumerable().Reverse().SelectMany(frame => frame.Head)], [.. frames.SelectMany(frame => frame.Tail)]);
            case "ByteLevel": return None;
            case "BertProcessing" or "RobertaProcessing": return new([json.PairId("cls")], [json.PairId("sep")]);
            case "TemplateProcessing": return Template(json);
            default: throw json.NotBuilt("post-processor", "Sequence, ByteLevel, TemplateProcessing, BertProcessing and RobertaProcessing");
        }
    }

    private static SpecialFrame Template(JsonStep json)
    {
        if (json.Element("single") is not { ValueKind: JsonValueKind.Array } single) throw json.Fault("'single' is no list");
        List<int> head = [], tail = [];
        var isAfter = false;
        foreach (var part in single.EnumerateArray())
        {
            if (part.TryGetProperty("Sequence", out _))
            {
                if (isAfter) throw json.Fault("a text that stands twice in its template is not built");
                isAfter = true;
                continue;
            }
            if (!part.TryGetProperty("SpecialToken", out var special) || !special.TryGetProperty("id", out var name))
                throw json.Fault($"'{part.GetRawText()}' is neither Sequence nor SpecialToken");
            if (json.Element("special_tokens") is not { } known || !known.TryGetProperty(name.GetString()!, out var token) || !token.TryGetProperty("ids", out var ids))
                throw json.Fault($"the special token '{name.GetString()}' has no ids");
            (isAfter ? tail : head).AddRange(ids.EnumerateArray().Select(id => id.GetInt32()));
        }
        return isAfter ? new([.. head], [.. tail]) : throw json.Fault("the template holds no text");
    }
}
