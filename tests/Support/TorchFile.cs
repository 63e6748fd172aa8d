using System.IO.Compression;
using System.Text;
using Prisma.Core;

namespace Prisma.Tests;

/// <summary>Writes float32 and int64 tensors as torch.save does: a zip of a pickled state dict and one file per storage.</summary>
internal static class TorchFile
{
    internal static void Write(string path, IEnumerable<StoredTensor> tensors)
    {
        using var zip = new ZipArchive(File.Create(path), ZipArchiveMode.Create);
        var pickle = new MemoryStream();
        pickle.Write([0x80, 2, (byte)'}', (byte)'(']);  // PROTO 2, EMPTY_DICT, MARK
        var number = 0;
        foreach (var tensor in tensors)
        {
            Text(pickle, tensor.Name);
            Tensor(pickle, tensor, $"{number}");
            var content = new MemoryStream();
            tensor.CopyTo(content);
            Put(zip, $"archive/data/{number++}", content.ToArray());
        }
        pickle.Write("u."u8);  // SETITEMS, STOP
        Put(zip, "archive/data.pkl", pickle.ToArray());
        Put(zip, "archive/version", "3\n"u8.ToArray());
    }

    // _rebuild_tensor_v2(persistent storage, 0, size, stride, False, OrderedDict())
    private static void Tensor(MemoryStream pickle, StoredTensor tensor, string storage)
    {
        pickle.Write("ctorch._utils\n_rebuild_tensor_v2\n(("u8);
        Text(pickle, "storage");
        pickle.Write(tensor.Type == StoredType.I64 ? "ctorch\nLongStorage\n"u8 : "ctorch\nFloatStorage\n"u8);
        Text(pickle, storage);
        Text(pickle, "cpu");
        Number(pickle, tensor.Count);
        pickle.Write("tQ"u8);
        Number(pickle, 0);
        var stride = tensor.Shape.Select((_, k) => tensor.Shape.Skip(k + 1).Aggregate(1L, (product, size) => product * size));
        foreach (var axes in new[] { tensor.Shape, stride })
        {
            pickle.Write("("u8);
            foreach (var value in axes) Number(pickle, value);
            pickle.Write("t"u8);
        }
        pickle.Write([0x89]);
        pickle.Write("ccollections\nOrderedDict\n)RtR"u8);
    }

    private static void Number(MemoryStream pickle, long value)
    {
        pickle.Write("J"u8);
        pickle.Write(BitConverter.GetBytes((int)value));
    }

    private static void Text(MemoryStream pickle, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        pickle.Write("X"u8);
        pickle.Write(BitConverter.GetBytes(bytes.Length));
        pickle.Write(bytes);
    }

    private static void Put(ZipArchive zip, string name, byte[] content)
    {
        using var stream = zip.CreateEntry(name, CompressionLevel.NoCompression).Open();
        stream.Write(content);
    }
}
