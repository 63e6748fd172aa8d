using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Prisma.Core;

/// <summary>
/// Reading and writing of .safetensors, also sharded ones. Files are written as the reference library writes them: wider types first, then by
/// name, the header padded with spaces to 8 bytes.
/// </summary>
public static class Safetensors
{
    private static readonly JsonWriterOptions HeaderJson = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Opens one file, or a <c>*.safetensors.index.json</c> with its shards.</summary>
    /// <exception cref="CheckpointException">It does not exist or is damaged.</exception>
    public static TensorSource Open(string path) =>
        path.EndsWith(".index.json", StringComparison.Ordinal) ? ShardIndex.Open(path) : CheckpointReader.OpenFile(path, Open);

    /// <summary>Writes tensors and metadata; the file appears complete or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">In any order; strides are resolved.</param>
    /// <param name="metadata">Text for <c>__metadata__</c>.</param>
    /// <param name="existing">Whether a file that is there may be replaced.</param>
    /// <exception cref="PrismaException">Two tensors have the same name, a type has no safetensors form, the file exists, or the disk is full.</exception>
    public static void Write(
        string path,
        IEnumerable<StoredTensor> tensors,
        IReadOnlyDictionary<string, string>? metadata = null,
        ExistingFile existing = ExistingFile.Refuse)
    {
        var ordered = tensors.OrderByDescending(tensor => tensor.Type).ThenBy(tensor => tensor.Name, StringComparer.Ordinal).ToList();
        var header = Header(path, ordered, metadata);
        var length = 8 + header.Length + ordered.Sum(tensor => tensor.ByteCount);
        AtomicFile.Write(
            path,
            stream =>
            {
                Span<byte> prefix = stackalloc byte[8];
                BinaryPrimitives.WriteInt64LittleEndian(prefix, header.Length);
                stream.Write(prefix);
                stream.Write(header);
                foreach (var tensor in ordered) tensor.CopyTo(stream);
            },
            existing,
            length);
    }

    /// <summary>Writes native tensors by name; the file appears complete or not at all.</summary>
    public static void Write(
        string path,
        IEnumerable<(string Name, TorchSharp.torch.Tensor Value)> tensors,
        IReadOnlyDictionary<string, string>? metadata = null,
        ExistingFile existing = ExistingFile.Refuse) =>
        Write(path, tensors.Select(tensor => tensor.Value.ToStored(tensor.Name)), metadata, existing);

    internal static TensorSource Open(ByteStore file, string path, IDisposable owner)
    {
        var (tensors, metadata) = SafetensorsHeader.Read(file);
        return new TensorSource(path, "safetensors", tensors, metadata, owner);
    }

    private static byte[] Header(string path, List<StoredTensor> ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, HeaderJson))
        {
            json.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                json.WriteStartObject("__metadata__");
                foreach (var (key, value) in metadata.OrderBy(pair => pair.Key, StringComparer.Ordinal)) json.WriteString(key, value);
                json.WriteEndObject();
            }

            var names = new HashSet<string>();
            var offset = 0L;
            foreach (var tensor in ordered)
            {
                if (tensor.Name == "__metadata__" || !names.Add(tensor.Name))
                    throw new PrismaException($"Cannot write '{path}': two tensors are named '{tensor.Name}'.");
                if (tensor.Type == StoredType.C128)
                    throw new PrismaException($"Cannot write '{path}': tensor '{tensor.Name}' is complex of 128 bits, which safetensors does not have.");
                json.WriteStartObject(tensor.Name);
                json.WriteString("dtype", tensor.Type.ToString());
                json.WriteStartArray("shape");
                foreach (var size in tensor.Shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(offset);
                json.WriteNumberValue(offset += tensor.ByteCount);
                json.WriteEndArray();
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        while (buffer.Length % 8 != 0) buffer.WriteByte((byte)' ');
        if (buffer.Length > SafetensorsHeader.MaxLength) throw new PrismaException($"Cannot write '{path}': its header would exceed {SafetensorsHeader.MaxLength} bytes.");
        return buffer.ToArray();
    }
}
