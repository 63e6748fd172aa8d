using System.Collections.Concurrent;

namespace Prisma.Core;

/// <summary>
/// A file that appears complete or not at all: content goes to a temporary name in the same folder, is flushed to disk and then renamed.
/// Until <see cref="Commit"/> the target is untouched; disposing without it removes the temporary file.
/// </summary>
public sealed class AtomicFile : IDisposable
{
    private static readonly ConcurrentDictionary<string, bool> Unfinished = new();
    private static int _counter;

    private readonly string _temporary;
    private readonly FileStream _file;
    private readonly ExistingFile _existing;
    private bool _done;

    /// <summary>Opens the temporary file; the folder is made when it is missing.</summary>
    /// <param name="path">Where the file shall appear.</param>
    /// <param name="existing">What to do if it is there already.</param>
    /// <param name="expectedLength">Bytes that will be written, if known: a full disk is then noticed at once.</param>
    /// <exception cref="PrismaException">The file exists and may not be replaced, or the place cannot be written.</exception>
    public AtomicFile(string path, ExistingFile existing = ExistingFile.Refuse, long expectedLength = 0)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        Path = System.IO.Path.GetFullPath(path);
        _existing = existing;
        CheckTarget(path, existing);
        try
        {
            var folder = System.IO.Path.GetDirectoryName(Path)!;
            Directory.CreateDirectory(folder);
            var free = new DriveInfo(folder).AvailableFreeSpace;
            if (expectedLength > free)
                throw new PrismaException($"Cannot write '{Path}': {expectedLength} bytes are needed and {free} are left on the disk. Nothing was written; free some space and try again.");
            (_temporary, _file) = OpenTemporary(folder, System.IO.Path.GetFileName(Path));
            Unfinished[_temporary] = true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failure(e);
        }

        Stream = new GuardedStream(_file, Failure);
    }

    /// <summary>Where the file appears after <see cref="Commit"/>; an absolute path.</summary>
    public string Path { get; }

    /// <summary>Takes the content. A full disk comes out of it as a <see cref="PrismaException"/>.</summary>
    public Stream Stream { get; }

    /// <summary>For long work: refuses, before it starts, to write where a file is that may not be replaced.</summary>
    /// <exception cref="PrismaException">It exists and may not be replaced, or it is a folder.</exception>
    public static void CheckTarget(string path, ExistingFile existing)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        if (Directory.Exists(path)) throw new PrismaException($"Cannot write '{path}': it is a folder. Name a file.");
        var full = System.IO.Path.GetFullPath(path);
        if (existing == ExistingFile.Refuse && File.Exists(full))
            throw new PrismaException($"'{full}' exists already and is not overwritten. Remove it, choose another name, or use --force.");
        for (var above = System.IO.Path.GetDirectoryName(full); above is not null && !Directory.Exists(above); above = System.IO.Path.GetDirectoryName(above))
            if (File.Exists(above)) throw new PrismaException($"Cannot write '{path}': '{above}' is a file, not a folder.");
    }

    /// <summary>Writes a file through a callback and commits it.</summary>
    /// <exception cref="PrismaException">The file exists and may not be replaced, the place cannot be written, or the disk is full.</exception>
    public static void Write(string path, Action<Stream> write, ExistingFile existing = ExistingFile.Refuse, long expectedLength = 0)
    {
        ArgumentNullException.ThrowIfNull(write);
        using var file = new AtomicFile(path, existing, expectedLength);
        write(file.Stream);
        file.Commit();
    }

    /// <summary>Writes a file through something that takes a name and no stream: it gets a temporary name with the same ending.</summary>
    /// <exception cref="PrismaException">The file exists and may not be replaced, or the place cannot be written.</exception>
    public static void WriteNamed(string path, Action<string> write, ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentNullException.ThrowIfNull(write);
        CheckTarget(path, existing);
        var full = System.IO.Path.GetFullPath(path);
        var folder = System.IO.Path.GetDirectoryName(full)!;
        var temporary = System.IO.Path.Combine(folder,
            $".{System.IO.Path.GetFileNameWithoutExtension(full)}.{Environment.ProcessId}-{Interlocked.Increment(ref _counter)}.tmp{System.IO.Path.GetExtension(full)}");
        Unfinished[temporary] = true;
        try
        {
            Directory.CreateDirectory(folder);
            write(temporary);
            CheckTarget(path, existing);
            File.Move(temporary, full, overwrite: existing == ExistingFile.Replace);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Explain(full, e);
        }
        finally
        {
            Remove(temporary);
        }
    }

    /// <summary>Writes bytes.</summary>
    public static void WriteBytes(string path, ReadOnlyMemory<byte> content, ExistingFile existing = ExistingFile.Refuse) =>
        Write(path, stream => stream.Write(content.Span), existing, content.Length);

    /// <summary>Writes text as UTF-8 without a byte order mark.</summary>
    public static void WriteText(string path, string content, ExistingFile existing = ExistingFile.Refuse) =>
        WriteBytes(path, System.Text.Encoding.UTF8.GetBytes(content), existing);

    /// <summary>Removes the temporary files of writes that will not be finished: for a program that ends on Ctrl-C.</summary>
    public static void RemoveUnfinished()
    {
        foreach (var path in Unfinished.Keys) Remove(path);
    }

    /// <summary>Removes temporary files of this class in a folder that were left by processes which are no more: what a kill leaves behind.</summary>
    public static void RemoveAbandoned(string folder)
    {
        if (!Directory.Exists(folder)) return;
        foreach (var path in Directory.EnumerateFiles(folder, ".*.tmp"))
        {
            // .name.process-number.tmp
            var maker = System.IO.Path.GetFileNameWithoutExtension(path).Split('.')[^1].Split('-')[0];
            if (int.TryParse(maker, System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var process) && !IsAlive(process)) Remove(path);
        }
    }

    /// <summary>Flushes the content to disk and lets the file appear under its name.</summary>
    /// <exception cref="PrismaException">The disk is full, or another file has appeared there meanwhile and may not be replaced.</exception>
    public void Commit()
    {
        ObjectDisposedException.ThrowIf(_done, this);
        try
        {
            _file.Flush(flushToDisk: true);
            _file.Dispose();
            CheckTarget(Path, _existing);
            File.Move(_temporary, Path, overwrite: _existing == ExistingFile.Replace);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Failure(e);
        }

        _done = true;
        Unfinished.TryRemove(_temporary, out _);
    }

    /// <summary>Closes the file; without <see cref="Commit"/> nothing of it remains.</summary>
    public void Dispose()
    {
        if (_done) return;
        _done = true;
        try
        {
            _file.Dispose();
        }
        catch (IOException)
        {
            // The last buffered bytes no longer matter: the file is removed.
        }

        Remove(_temporary);
    }

    private static (string Path, FileStream File) OpenTemporary(string folder, string name)
    {
        for (; ; )
        {
            var path = System.IO.Path.Combine(folder, $".{name}.{Environment.ProcessId}-{Interlocked.Increment(ref _counter)}.tmp");
            if (File.Exists(path)) continue;
            return (path, new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1 << 16));
        }
    }

    private static bool IsAlive(int process)
    {
        try
        {
            using var found = System.Diagnostics.Process.GetProcessById(process);
            return !found.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Nothing better can be done with a temporary file that cannot be deleted.
        }

        Unfinished.TryRemove(temporary, out _);
    }

    /// <summary>The error that says what kept the file from being written.</summary>
    internal static PrismaException Explain(string path, Exception e) => IsDiskFull(e)
        ? new PrismaException($"Cannot write '{path}': no space left on the disk. Nothing was written there; free some space and try again.", e)
        : new PrismaException($"Cannot write '{path}': {e.Message}", e);

    private PrismaException Failure(Exception e) => Explain(Path, e);

    // ENOSPC, EDQUOT, EFBIG; ERROR_DISK_FULL, ERROR_HANDLE_DISK_FULL.
    private static bool IsDiskFull(Exception e) =>
        e is IOException && e.HResult is 28 or 122 or 27 or unchecked((int)0x80070070) or unchecked((int)0x80070027);
}
