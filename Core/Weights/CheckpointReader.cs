namespace Prisma.Core;

/// <summary>Opens checkpoints of any kind, recognised by their first bytes.</summary>
internal static class CheckpointReader
{
    public static TensorSource Open(string path)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
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

    private static TensorSource Recognise(ByteStore file, string path, IDisposable owner)
    {
        var start = file.ReadArray(0, (int)Math.Min(16, file.Length));
        if (SafetensorsHeader.Recognises(start)) return Safetensors.Open(file, path, owner);
        throw new CheckpointException($"'{path}' is none of the known kinds of checkpoint (safetensors, PyTorch, npz, npy).");
    }
}
