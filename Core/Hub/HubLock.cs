namespace Prisma.Core;

/// <summary>Holds a file so that no other process, a Python one included, fetches the same content at the same time. Freed by the system when the process dies.</summary>
internal sealed class HubLock : IDisposable
{
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(100);

    private readonly FileStream _file;

    private HubLock(FileStream file) => _file = file;

    internal static async Task<HubLock> Take(string path, Action waits, CancellationToken stop)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            for (var first = true; ; first = false)
            {
                if (Try(path) is { } taken) return taken;
                if (first) waits();
                await Task.Delay(s_look, stop).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw AtomicFile.Explain(path, e);
        }
    }

    public void Dispose() => _file.Dispose();

    private static HubLock? Try(string path)
    {
        try
        {
            return new HubLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        // Linux and macOS: EWOULDBLOCK of flock; Windows: a sharing violation.
        catch (IOException e) when (e.HResult is 11 or 35 or unchecked((int)0x80070020))
        {
            return null;
        }
    }
}
