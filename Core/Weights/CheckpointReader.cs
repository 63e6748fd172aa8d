using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Prisma.Core;

/// <summary>Opens checkpoints of any kind, recognised by their first bytes.</summary>
internal static class CheckpointReader
{
    private const int MaxUnpacked = 0x7FFF_0000;
    private const int MaxHeaderLine = 1 << 20;

    private static readonly string[] Extensions = [".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".npz", ".npy", ".pkl", ".pickle", ".gz"];

    public static TensorSource Open(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        if (Directory.Exists(path)) return Open(OnlyCheckpointIn(path));
        return path.EndsWith(".index.json", StringComparison.Ordinal) ? ShardIndex.Open(path) : OpenFile(path, Recognise);
    }

    /// <summary>Opens the file and hands it to a reader, which takes it over unless it throws.</summary>
    public static TensorSource OpenFile(string path, Func<ByteStore, string, IDisposable, TensorSource> read)
    {
        var file = FileBytes.Open(path);
        try
        {
            if (file.Length == 0) throw new CheckpointException($"'{path}' is empty (0 bytes).");
            return read(file, path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static string OnlyCheckpointIn(string folder)
    {
        var files = Directory.GetFiles(folder);
        var indices = files.Where(file => file.EndsWith(".index.json", StringComparison.Ordinal)).ToList();
        var candidates = indices.Count > 0 ? indices : [.. files.Where(file => Extensions.Contains(Path.GetExtension(file)))];
        return candidates.Count == 1
            ? candidates[0]
            : throw new CheckpointException(candidates.Count == 0
                ? $"The folder '{folder}' holds no checkpoint ({string.Join(", ", Extensions)})."
                : $"The folder '{folder}' holds {candidates.Count} checkpoints; name one: {string.Join(", ", candidates.Select(Path.GetFileName).Order())}.");
    }

    private static TensorSource Recognise(ByteStore file, string path, IDisposable owner) => Recognise(file, path, owner, unpack: true);

    private static TensorSource Recognise(ByteStore file, string path, IDisposable owner, bool unpack)
    {
        var start = file.ReadArray(0, (int)Math.Min(512, file.Length));
        var extension = Path.GetExtension(path);
        if (extension == ".safetensors" || SafetensorsHeader.Recognises(start)) return Safetensors.Open(file, path, owner);
        if (NpyHeader.Recognises(start)) return Npz.OpenArray(file, path, owner);
        if (ZipDirectory.Recognises(start)) return OpenZip(file, path, owner);
        if (unpack && start is [0x1F, 0x8B, ..]) return Recognise(Unpack(file), path, owner, unpack: false);
        if (TorchPickle.RecognisesPickle(start) || (extension is ".pkl" or ".pickle" && start[0] != '{')) return TorchPickle.OpenStream(file, path, owner);
        if (start[0] == '{' && BehindHeaderLine(file) is { } rest) return OpenZip(rest, path, owner);
        throw new CheckpointException(Complaint(path, start));
    }

    private static TensorSource OpenZip(ByteStore file, string path, IDisposable owner)
    {
        var zip = ZipDirectory.Read(file);
        if (TorchZip.Recognises(zip)) return TorchPickle.OpenZip(zip, file, path, owner);
        if (Npz.Recognises(zip)) return Npz.Open(zip, path, owner);
        throw new CheckpointException($"'{path}' is a zip file, but neither of PyTorch (no data.pkl) nor of numpy (no .npy). It holds {string.Join(", ", zip.Names.Take(5))}{(zip.Names.Count > 5 ? ", …" : "")}.");
    }

    // Some libraries write one line of JSON before the archive of torch.save.
    private static ByteStore? BehindHeaderLine(ByteStore file)
    {
        var start = file.ReadArray(0, (int)Math.Min(MaxHeaderLine, file.Length));
        var end = Array.IndexOf(start, (byte)'\n') + 1;
        return end > 0 && ZipDirectory.Recognises(start.AsSpan(end)) ? file.Slice(end, file.Length - end) : null;
    }

    private static MemoryBytes Unpack(ByteStore file)
    {
        using var unpacked = new MemoryStream();
        try
        {
            using var stream = new GZipStream(new StoreStream(file), CompressionMode.Decompress);
            var buffer = new byte[1 << 16];
            for (var got = stream.Read(buffer); got > 0; got = stream.Read(buffer))
            {
                if (unpacked.Length + got > MaxUnpacked) throw new CheckpointException($"'{file.Label}' unpacks to more than {MaxUnpacked} bytes, which is refused.");
                unpacked.Write(buffer, 0, got);
            }
        }
        catch (InvalidDataException e)
        {
            throw new CheckpointException($"'{file.Label}' is a damaged gzip file: {e.Message}", e);
        }

        // The last four bytes tell the size, so a file that was cut anywhere is noticed.
        if (file.Length < 18 || BinaryPrimitives.ReadUInt32LittleEndian(file.ReadArray(file.Length - 4, 4)) != unpacked.Length || unpacked.Length == 0)
            throw new CheckpointException($"'{file.Label}' ({file.Length} bytes) unpacks to {unpacked.Length} bytes, which is not what its end says. It is truncated or damaged.");
        return new MemoryBytes(file.Label, unpacked.GetBuffer().AsMemory(0, (int)unpacked.Length));
    }

    private static string Complaint(string path, byte[] start)
    {
        if (Encoding.ASCII.GetString(start).StartsWith("version https://git-lfs", StringComparison.Ordinal))
            return $"'{path}' is a Git LFS pointer, not the file itself. Fetch the content (git lfs pull).";
        if (start.Length > 262 && start.AsSpan(257, 5).SequenceEqual("ustar"u8))
            return $"'{path}' is a tar file, as PyTorch wrote before 0.1.10. Open it with that PyTorch and save it again.";
        return $"'{path}' is none of the known kinds of checkpoint (safetensors, PyTorch, npz, npy, pickle).";
    }
}
