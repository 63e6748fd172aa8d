using System.Net;

namespace Prisma.Core;

/// <summary>
/// Brings one content into the cache: into <c>blobs/checksum.incomplete</c>, from where an earlier attempt stopped, checked against its checksum
/// and only then renamed. Each attempt asks the hub anew, because addresses of storage are good for a short time only.
/// </summary>
internal sealed class HubTransfer(HubOptions options, HubRequests requests, HubCache cache, HubId id, HubFile file, HubMeter meter)
{
    private const int BufferSize = 1 << 17;

    private readonly string _blob = cache.BlobOf(id, file.Etag);
    private long _length;

    internal async Task Run(CancellationToken stop)
    {
        using (await HubLock.Take(cache.LockOf(id, file.Etag), () => meter.Waits(file.Name), stop).ConfigureAwait(false))
        {
            if (!File.Exists(_blob)) await Fetch(stop).ConfigureAwait(false);
            else meter.Found(file.Name, file.Size);
            cache.Link(id, file);
        }
        meter.Done(file.Name);
    }

    private async Task Fetch(CancellationToken stop)
    {
        var incomplete = _blob + ".incomplete";
        using var digest = new Running(file);
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(_blob)!);
            using (var target = new FileStream(incomplete, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, BufferSize))
            {
                await TakeUp(target, digest, stop).ConfigureAwait(false);
                CheckRoom();
                var resumed = _length > 0;
                for (; ; resumed = false)
                {
                    await requests.Persist($"{id}, {file.Name}", async () => { await Attempt(target, digest, stop).ConfigureAwait(false); return true; }, () => _length, stop).ConfigureAwait(false);
                    if (digest.Value.Mismatch() is not { } found) break;
                    Restart(target, digest);
                    // What lay there from before may have been damaged; what came fresh and is wrong is wrong at its source.
                    if (!resumed)
                        throw new HubException($"{id}, {file.Name}: what arrived has the checksum {found}, not {file.Etag}. It was thrown away; try again, and if it comes again, the server's copy is damaged.");
                }
                target.Flush(flushToDisk: true);
            }
            File.Move(incomplete, _blob, overwrite: true);
        }
        catch (HubException) when (_length == 0)
        {
            File.Delete(incomplete);
            throw;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw AtomicFile.Explain(_blob, e);
        }
    }

    private async Task TakeUp(FileStream target, Running digest, CancellationToken stop)
    {
        if (target.Length > file.Size) target.SetLength(0);
        var buffer = new byte[BufferSize];
        for (int got; (got = await target.ReadAsync(buffer, stop).ConfigureAwait(false)) > 0; _length += got) digest.Value.Append(buffer.AsSpan(0, got));
        meter.Found(file.Name, _length);
    }

    private async Task Attempt(FileStream target, Running digest, CancellationToken stop)
    {
        if (_length == file.Size) return;
        using var answer = await requests.Send(HttpMethod.Get, requests.File(id, file.Commit, file.Name), id, file.Name, _length, stop).ConfigureAwait(false);
        if (answer.Etag is { } etag && etag != file.Etag && HubNames.IsPlain(etag) && etag.Length is 40 or 64)
            throw new HubException($"{id}, {file.Name}: the file was changed on the hub while it was fetched. Run the same command again.");
        if (_length > 0 && !GoesOn(answer.Response)) Restart(target, digest);
        if (answer.Response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable) throw new TransientFault("the server refused to go on where the last attempt stopped");
        using var body = await answer.Response.Content.ReadAsStreamAsync(stop).ConfigureAwait(false);
        var buffer = new byte[BufferSize];
        for (; ; )
        {
            var got = await requests.Read(body, buffer, stop).ConfigureAwait(false);
            if (got == 0) break;
            if (_length + got > file.Size)
            {
                Restart(target, digest);
                throw new HubException($"{id}, {file.Name}: more arrives than the {file.Size} bytes that the hub announced. It was thrown away.");
            }
            await target.WriteAsync(buffer.AsMemory(0, got), stop).ConfigureAwait(false);
            digest.Value.Append(buffer.AsSpan(0, got));
            _length += got;
            meter.Arrived(file.Name, got);
        }
        if (_length < file.Size) throw new TransientFault($"the connection ended after {_length} of {file.Size} bytes");
    }

    // 206 with the range that was asked for; a server that does not know ranges sends all of it with 200.
    private bool GoesOn(HttpResponseMessage response) =>
        response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange is { From: { } from } range && from == _length && (range.Length ?? file.Size) == file.Size;

    private void Restart(FileStream target, Running digest)
    {
        meter.Found(file.Name, -_length);
        _length = 0;
        target.SetLength(0);
        digest.Reset();
    }

    private void CheckRoom()
    {
        var free = new DriveInfo(Path.GetDirectoryName(_blob)!).AvailableFreeSpace;
        if (file.Size - _length > free)
            throw new PrismaException($"{id}, {file.Name}: {ByteSize.Text(file.Size - _length)} are needed in '{options.Cache}' and {ByteSize.Text(free)} are left on the disk. Free some space, or name another cache with HF_HUB_CACHE.");
    }

    // A checksum that can begin anew.
    private sealed class Running(HubFile file) : IDisposable
    {
        internal HubDigest Value { get; private set; } = new(file.Etag, file.Size);

        internal void Reset()
        {
            Value.Dispose();
            Value = new(file.Etag, file.Size);
        }

        public void Dispose() => Value.Dispose();
    }
}
