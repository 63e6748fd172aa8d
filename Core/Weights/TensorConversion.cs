using System.Text.Json;
using System.Text.Json.Nodes;

namespace Prisma.Core;

/// <summary>Lists a checkpoint and turns it into safetensors, whatever its format.</summary>
public static class TensorConversion
{
    // A configuration fits easily; whole training logs stay out of a header.
    private const int MaxMetadataText = 1 << 16;

    /// <summary>
    /// What a checkpoint holds, as JSON: <c>{path, format, tensors: [{name, type, shape, bytes}], others: {…}, metadata: {…}}</c>. Others are the
    /// numbers, texts and flags of a pickle, by dotted name.
    /// </summary>
    public static JsonObject Describe(TensorSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        return new JsonObject
        {
            ["path"] = source.Path,
            ["format"] = source.Format,
            ["tensors"] = new JsonArray([.. source.Tensors.Select(Describe)]),
            ["metadata"] = new JsonObject(source.Metadata.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
            ["others"] = new JsonObject(Values(source).Select(pair => KeyValuePair.Create(pair.Key, pair.Value.ToJson()))),
        };
    }

    /// <summary>
    /// Writes every tensor of a checkpoint as safetensors, names and types kept, strides resolved. What a pickle holds beside tensors goes into the
    /// metadata, as JSON by dotted name; text stays as it is.
    /// </summary>
    /// <param name="source">What is converted.</param>
    /// <param name="path">The file to write.</param>
    /// <param name="existing">Whether a file that is there may be replaced.</param>
    /// <returns>The values of a pickle that were left out because they exceed 64 KiB of text together.</returns>
    /// <exception cref="PrismaException">The file exists or cannot be written, or a type has no safetensors form.</exception>
    /// <exception cref="CheckpointException">The source cannot be read.</exception>
    public static IReadOnlyList<string> ToSafetensors(TensorSource source, string path, ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentNullException.ThrowIfNull(source);
        var metadata = new Dictionary<string, string>(source.Metadata);
        var left = new List<string>();
        var room = MaxMetadataText;
        foreach (var (name, value) in Values(source))
        {
            var text = value is PickleScalar { Value: string plain } ? plain : value.ToJson()?.ToJsonString(JsonSerializerOptions.Web) ?? "null";
            var size = name.Length + text.Length;
            if (size <= room && metadata.TryAdd(name, text)) room -= size;
            else left.Add(name);
        }

        Safetensors.Write(path, source.Tensors, metadata, existing);
        return left;
    }

    private static JsonObject Describe(StoredTensor tensor) => new()
    {
        ["name"] = tensor.Name,
        ["type"] = tensor.Type.ToString(),
        ["shape"] = new JsonArray([.. tensor.Shape.Select(size => (JsonNode)size)]),
        ["bytes"] = tensor.ByteCount,
    };

    private static IEnumerable<KeyValuePair<string, PickleValue>> Values(TensorSource source) => source is TorchPickle pickle ? pickle.Others : [];
}
