using Microsoft.Win32.SafeHandles;

namespace Prisma.Core;

/// <summary>A file by positioned reads.</summary>
internal sealed class FileBytes : ByteStore, IDisposable
{
    private readonly SafeFileHandle _handle;

    private FileBytes(string path, SafeFileHandle handle, long length) : base(path, length) => _handle = handle;

    public static FileBytes Open(string path)
    {
        if (Directory.Exists(path)) throw new CheckpointException($"'{path}' is a folder; a file is needed.");
        SafeFileHandle? handle = null;
        try
        {
            handle = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete, options: FileOptions.SequentialScan);
            return new FileBytes(path, handle, System.IO.RandomAccess.GetLength(handle));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new CheckpointException($"'{path}' does not exist.", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            handle?.Dispose();
            throw new CheckpointException($"'{path}' cannot be read: {e.Message}", e);
        }
    }

    public void Dispose() => _handle.Dispose();

    protected override void ReadCore(long offset, Span<byte> into)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        try
        {
            while (!into.IsEmpty)
            {
                var got = System.IO.RandomAccess.Read(_handle, into, offset);
                if (got == 0)
                    throw new CheckpointException($"'{Label}' ended at byte {offset}; it had {Length} bytes when it was opened. It was truncated while being read: fetch it again.");
                offset += got;
                into = into[got..];
            }
        }
        catch (IOException e)
        {
            throw new CheckpointException($"'{Label}' cannot be read at byte {offset}: {e.Message}", e);
        }
    }
}
