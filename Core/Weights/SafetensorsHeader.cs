using System.Buffers.Binary;
using System.Text.Json;

namespace Prisma.Core;

/// <summary>
/// Reads the header of a safetensors file: 8 bytes of length, JSON {name: {dtype, shape, data_offsets}, "__metadata__": {…}}, then the data.
/// Everything is checked against the file's size before anything is allocated: lengths, offsets, sizes, overlaps, holes, duplicates.
/// </summary>
internal static class SafetensorsHeader
{
    public const int MaxLength = 100_000_000;

    public sealed record Entry(string Name, StoredType Type, long[] Shape, long Begin, long End);

    public static (List<StoredTensor> Tensors, Dictionary<string, string> Metadata) Read(ByteStore file)
    {
        var length = ReadLength(file);
        var metadata = new Dictionary<string, string>();
        List<Entry> entries;
        try
        {
            entries = Parse(file.Label, file.ReadArray(8, (int)length), metadata);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            throw new CheckpointException($"'{file.Label}': the header is not valid safetensors JSON: {e.Message}", e);
        }

        var data = file.Slice(8 + length, file.Length - 8 - length);
        CheckOffsets(file.Label, entries, data.Length);
        var tensors = entries.ConvertAll(entry => new StoredTensor(
            entry.Name,
            entry.Type,
            TensorLayout.Contiguous($"'{file.Label}': tensor '{entry.Name}'", entry.Shape),
            data.Slice(entry.Begin, entry.End - entry.Begin)));
        return (tensors, metadata);
    }

    /// <summary>Whether the first bytes can be those of a safetensors file: eight that are no text, and a brace.</summary>
    public static bool Recognises(ReadOnlySpan<byte> start) => start.Length > 8 && start[8] == (byte)'{' && start[..8].Contains((byte)0);

    private static long ReadLength(ByteStore file)
    {
        if (file.Length < 8) throw new CheckpointException($"'{file.Label}': {file.Length} bytes are too few for a safetensors file. It is truncated.");
        var length = BinaryPrimitives.ReadUInt64LittleEndian(file.ReadArray(0, 8));
        if (length > MaxLength)
            throw new CheckpointException($"'{file.Label}': the header claims {length} bytes; more than {MaxLength} are never right. The file is damaged or no safetensors file.");
        if ((long)length > file.Length - 8)
            throw new CheckpointException($"'{file.Label}': the header claims {length} bytes, but only {file.Length - 8} follow. The file is truncated (it has {file.Length} bytes).");
        return (long)length;
    }

    private static List<Entry> Parse(string label, byte[] json, Dictionary<string, string> metadata)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 8 });
        var entries = new List<Entry>();
        var names = new HashSet<string>();
        Expect(ref reader, JsonTokenType.StartObject);
        while (Next(ref reader) != JsonTokenType.EndObject)
        {
            var name = reader.GetString()!;
            if (!names.Add(name)) throw new CheckpointException($"'{label}': the header lists '{name}' twice.");
            Expect(ref reader, JsonTokenType.StartObject);
            if (name == "__metadata__") ReadMetadata(ref reader, metadata);
            else entries.Add(ReadEntry(ref reader, label, name));
        }

        if (reader.Read()) throw new JsonException("content after the closing brace");
        return entries;
    }

    private static void ReadMetadata(ref Utf8JsonReader reader, Dictionary<string, string> metadata)
    {
        while (Next(ref reader) != JsonTokenType.EndObject)
        {
            var key = reader.GetString()!;
            Expect(ref reader, JsonTokenType.String);
            metadata[key] = reader.GetString()!;
        }
    }

    private static Entry ReadEntry(ref Utf8JsonReader reader, string label, string name)
    {
        StoredType? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (Next(ref reader) != JsonTokenType.EndObject)
        {
            switch (reader.GetString())
            {
                case "dtype":
                    Expect(ref reader, JsonTokenType.String);
                    var text = reader.GetString()!;
                    type = Enum.TryParse<StoredType>(text, out var known) && Enum.IsDefined(known) && known.ToString() == text && known != StoredType.C128
                        ? known
                        : throw new CheckpointException($"'{label}': tensor '{name}' has the type '{text}', which is not supported.");
                    break;
                case "shape":
                    shape = ReadLongs(ref reader);
                    break;
                case "data_offsets":
                    offsets = ReadLongs(ref reader);
                    break;
                case var other:
                    throw new JsonException($"tensor '{name}' has an unknown field '{other}'");
            }
        }

        if (type is null || shape is null || offsets is not { Length: 2 })
            throw new JsonException($"tensor '{name}' lacks dtype, shape or two data_offsets");
        return new Entry(name, type.Value, shape, offsets[0], offsets[1]);
    }

    private static long[] ReadLongs(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartArray);
        var values = new List<long>();
        while (Next(ref reader) != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var value) || value < 0)
                throw new JsonException("sizes and offsets are whole numbers that are not negative");
            values.Add(value);
        }

        return [.. values];
    }

    private static void CheckOffsets(string label, List<Entry> entries, long available)
    {
        var position = 0L;
        foreach (var entry in entries.OrderBy(entry => entry.Begin).ThenBy(entry => entry.End))
        {
            var what = $"'{label}': tensor '{entry.Name}'";
            if (entry.End < entry.Begin || entry.End > available)
                throw new CheckpointException($"{what} claims bytes {entry.Begin} to {entry.End} of {available}. The file is truncated or damaged.");
            var size = TensorLayout.CountOf(what, entry.Shape) * entry.Type.ItemSize();
            if (size != entry.End - entry.Begin)
                throw new CheckpointException($"{what} of type {entry.Type} and shape [{string.Join(", ", entry.Shape)}] needs {size} bytes, its offsets span {entry.End - entry.Begin}.");
            if (entry.Begin < position) throw new CheckpointException($"{what} overlaps the one before it (bytes {entry.Begin} to {position}).");
            if (entry.Begin > position) throw new CheckpointException($"{what} starts at byte {entry.Begin}, leaving a hole from {position}.");
            position = entry.End;
        }

        if (position != available)
            throw new CheckpointException($"'{label}': {available - position} bytes follow the last tensor. The file is damaged.");
    }

    private static JsonTokenType Next(ref Utf8JsonReader reader) =>
        reader.Read() ? reader.TokenType : throw new JsonException("unexpected end");

    private static void Expect(ref Utf8JsonReader reader, JsonTokenType type)
    {
        if (Next(ref reader) != type) throw new JsonException($"{type} expected, {reader.TokenType} found");
    }
}
