using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Prisma.Core;

/// <summary>
/// Writes state dicts as torch.save does since 1.6: a zip archive, uncompressed, with a pickled OrderedDict of tensors (<c>data.pkl</c>) and
/// one entry of little-endian bytes per tensor. Float32 and float64 tensors and 64-bit integers; beside them texts and whole numbers.
/// </summary>
public static class TorchArchive
{
    // Entries carry a date; a fixed one makes equal contents equal files.
    private static readonly DateTimeOffset s_date = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes named tensors in the order given; the file appears complete or not at all.</summary>
    /// <exception cref="PrismaException">Two have the same name, a type has no form here, the file exists, or the disk is full.</exception>
    public static void Write(
        string path, IEnumerable<(string Name, TorchSharp.torch.Tensor Value)> tensors, ExistingFile existing = ExistingFile.Refuse) =>
        Write(path, tensors, new JsonObject(), null, existing);

    /// <summary>Writes named tensors and, after them, other values; the file appears complete or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">The tensors, in the order given.</param>
    /// <param name="others">Texts, whole numbers and dictionaries of such, by name.</param>
    /// <param name="wrapper">The key of the one dictionary that holds everything, where the file wraps it; null where it does not.</param>
    /// <param name="existing">Whether a file that is there may be replaced.</param>
    /// <exception cref="PrismaException">Two have the same name, a type has no form here, the file exists, or the disk is full.</exception>
    public static void Write(
        string path,
        IEnumerable<(string Name, TorchSharp.torch.Tensor Value)> tensors,
        JsonObject others,
        string? wrapper = null,
        ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentNullException.ThrowIfNull(others);
        ArgumentException.ThrowIfNullOrEmpty(path);
        var stored = tensors.Select(tensor => tensor.Value.ToStored(tensor.Name)).ToList();
        if (stored.Select(tensor => tensor.Name).Concat(others.Select(other => other.Key)).Distinct(StringComparer.Ordinal).Count() != stored.Count + others.Count)
            throw new PrismaException($"Cannot write '{path}': two tensors have the same name.");
        var root = Path.GetFileNameWithoutExtension(path);
        AtomicFile.Write(path, stream => Archive(stream, root, stored, Pickle(stored, others, wrapper, path)), existing, stored.Sum(tensor => tensor.ByteCount));
    }

    /// <summary>Writes one tensor by itself; the file appears complete or not at all.</summary>
    /// <exception cref="PrismaException">Its type has no form here, the file exists, or the disk is full.</exception>
    public static void WriteLone(string path, TorchSharp.torch.Tensor value, ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(value);
        var stored = value.ToStored(TensorSource.LoneName);
        using var pickle = new MemoryStream();
        pickle.Write([0x80, 2]);
        Rebuilt(pickle, stored, 0, path);
        pickle.WriteByte((byte)'.');
        AtomicFile.Write(path, stream => Archive(stream, Path.GetFileNameWithoutExtension(path), [stored], pickle.ToArray()), existing, stored.ByteCount);
    }

    private static void Archive(Stream stream, string root, List<StoredTensor> tensors, byte[] pickle)
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        Entry(zip, $"{root}/data.pkl", content => content.Write(pickle));
        Entry(zip, $"{root}/byteorder", content => content.Write("little"u8));
        for (var k = 0; k < tensors.Count; k++)
        {
            var tensor = tensors[k];
            Entry(zip, $"{root}/data/{k}", tensor.CopyTo);
        }
        Entry(zip, $"{root}/version", content => content.Write("3\n"u8));
    }

    private static void Entry(ZipArchive zip, string name, Action<Stream> write)
    {
        var entry = zip.CreateEntry(name, CompressionLevel.NoCompression);
        entry.LastWriteTime = s_date;
        using var content = entry.Open();
        write(content);
    }

    // Protocol 2: OrderedDict() filled with name → torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()).
    private static byte[] Pickle(List<StoredTensor> tensors, JsonObject others, string? wrapper, string path)
    {
        using var pickle = new MemoryStream();
        pickle.Write([0x80, 2]);
        if (wrapper is not null)
        {
            EmptyDictionary(pickle);
            pickle.WriteByte((byte)'(');
            Text(pickle, wrapper);
        }
        EmptyDictionary(pickle);
        pickle.WriteByte((byte)'(');
        for (var k = 0; k < tensors.Count; k++)
        {
            Text(pickle, tensors[k].Name);
            Rebuilt(pickle, tensors[k], k, path);
        }
        Entries(pickle, others, path);
        pickle.WriteByte((byte)'u');
        if (wrapper is not null) pickle.WriteByte((byte)'u');
        pickle.WriteByte((byte)'.');
        return pickle.ToArray();
    }

    private static void Entries(Stream pickle, JsonObject values, string path)
    {
        foreach (var (name, value) in values)
        {
            Text(pickle, name);
            switch (value)
            {
                case JsonObject nested:
                    EmptyDictionary(pickle);
                    pickle.WriteByte((byte)'(');
                    Entries(pickle, nested, path);
                    pickle.WriteByte((byte)'u');
                    break;
                case JsonValue text when text.GetValueKind() == JsonValueKind.String:
                    Text(pickle, text.GetValue<string>());
                    break;
                case JsonValue number when number.GetValueKind() == JsonValueKind.Number && long.TryParse(number.ToJsonString(), out var whole):
                    Number(pickle, whole);
                    break;
                default: throw new PrismaException($"Cannot write '{path}': '{name}' is no text, whole number or dictionary.");
            }
        }
    }

    private static void Rebuilt(Stream pickle, StoredTensor tensor, int storage, string path)
    {
        Global(pickle, "torch._utils", "_rebuild_tensor_v2");
        pickle.Write("(("u8);
        Text(pickle, "storage");
        Global(pickle, "torch", Storage(tensor, path));
        Text(pickle, storage.ToString());
        Text(pickle, "cpu");
        Number(pickle, tensor.Count);
        pickle.Write("tQ"u8);
        Number(pickle, 0);
        Numbers(pickle, tensor.Shape);
        Numbers(pickle, Strides(tensor.Shape));
        pickle.WriteByte(0x89);
        EmptyDictionary(pickle);
        pickle.Write("tR"u8);
    }

    private static string Storage(StoredTensor tensor, string path) => tensor.Type switch
    {
        StoredType.F32 => "FloatStorage",
        StoredType.F64 => "DoubleStorage",
        StoredType.I64 => "LongStorage",
        _ => throw new PrismaException($"Cannot write '{path}': tensor '{tensor.Name}' is {tensor.Type}; F32, F64 and I64 are built."),
    };

    private static long[] Strides(IReadOnlyList<long> shape)
    {
        var strides = new long[shape.Count];
        for (long k = shape.Count - 1, step = 1; k >= 0; k--)
        {
            strides[k] = step;
            step *= Math.Max(1, shape[(int)k]);
        }
        return strides;
    }

    private static void EmptyDictionary(Stream pickle)
    {
        Global(pickle, "collections", "OrderedDict");
        pickle.Write(")R"u8);
    }

    private static void Global(Stream pickle, string module, string name) => pickle.Write(Encoding.ASCII.GetBytes($"c{module}\n{name}\n"));

    private static void Text(Stream pickle, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Span<byte> head = stackalloc byte[5];
        head[0] = (byte)'X';
        BinaryPrimitives.WriteInt32LittleEndian(head[1..], bytes.Length);
        pickle.Write(head);
        pickle.Write(bytes);
    }

    // LONG1: a length byte and that many bytes of two's complement.
    private static void Number(Stream pickle, long number)
    {
        Span<byte> bytes = stackalloc byte[10];
        (bytes[0], bytes[1]) = (0x8A, 8);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[2..], number);
        pickle.Write(bytes);
    }

    private static void Numbers(Stream pickle, IReadOnlyList<long> numbers)
    {
        pickle.WriteByte((byte)'(');
        foreach (var number in numbers) Number(pickle, number);
        pickle.WriteByte((byte)'t');
    }
}
