using System.Collections.Concurrent;
using System.Text.Json;

namespace Prisma.Core;

/// <summary>
/// Fetches files of the Hugging Face hub into the cache that Python shares: resumed where an earlier attempt stopped, checked by length and
/// checksum, several at a time. Safe to use from several threads and beside other processes.
/// </summary>
public sealed class HubClient : IDisposable
{
    private const int MostListed = 1 << 26;

    private readonly HubRequests _requests;

    /// <summary>Opens nothing yet.</summary>
    public HubClient(HubOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        (Options, Cache, _requests) = (options, new HubCache(options.Cache), new HubRequests(options));
    }

    /// <summary>Where the hub is and where its files are kept.</summary>
    public HubOptions Options { get; }

    /// <summary>The cache.</summary>
    public HubCache Cache { get; }

    /// <inheritdoc/>
    public void Dispose() => _requests.Dispose();

    /// <summary>Asks what a revision holds.</summary>
    /// <exception cref="HubException">There is no such repository or revision, it may not be read, or the hub cannot be reached.</exception>
    public Task<HubRepository> ListAsync(HubId id, string revision = HubAddress.MainRevision, CancellationToken stop = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(revision);
        if (Options.Offline)
            throw new HubException($"{id} is not in the cache '{Cache.Root}' as a whole, and HF_HUB_OFFLINE keeps Prisma from fetching it. Unset HF_HUB_OFFLINE, or bring the cache from a machine where 'prisma pull {id}' was run.");
        return _requests.Persist($"{id}", () => List(id, revision, stop), () => 0, stop);
    }

    /// <summary>
    /// Fetches files of a revision, where they are not in the cache already. A sharded checkpoint's index brings its shards.
    /// </summary>
    /// <param name="id">The repository.</param>
    /// <param name="wanted">Chooses among the names of all files.</param>
    /// <param name="revision">A branch, a tag or a commit.</param>
    /// <param name="progress">Told about ten times a second, from several threads.</param>
    /// <param name="stop">Ends it; what arrived is kept for the next time.</param>
    /// <returns>The folder of the revision's files.</returns>
    /// <exception cref="HubException">As for <see cref="ListAsync"/>; or a file is missing, damaged, or named so that it would lie elsewhere.</exception>
    public async Task<string> PullAsync(HubId id, HubSelection wanted, string revision = HubAddress.MainRevision, IProgress<HubProgress>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        var listed = await ListAsync(id, revision, stop).ConfigureAwait(false);
        var chosen = wanted.Of(listed).ToHashSet(StringComparer.Ordinal);
        var indices = chosen.Where(HubShards.IsIndex).ToList();
        await Fetch(listed, indices, null, stop).ConfigureAwait(false);
        foreach (var index in indices) chosen.UnionWith(HubShards.Of(id, index, Cache.PointerOf(id, listed.Commit, index)));
        await Fetch(listed, [.. chosen.Order(StringComparer.Ordinal)], progress, stop).ConfigureAwait(false);
        Cache.Remember(id, revision, listed.Commit);
        return Cache.SnapshotOf(id, listed.Commit);
    }

    private async Task<HubRepository> List(HubId id, string revision, CancellationToken stop)
    {
        using var answer = await _requests.Send(HttpMethod.Get, _requests.Listing(id, revision), id, $"revision '{revision}'", 0, stop).ConfigureAwait(false);
        using var body = await answer.Response.Content.ReadAsStreamAsync(stop).ConfigureAwait(false);
        using var json = new MemoryStream();
        var buffer = new byte[1 << 16];
        for (int got; (got = await _requests.Read(body, buffer, stop).ConfigureAwait(false)) > 0;)
        {
            json.Write(buffer, 0, got);
            if (json.Length > MostListed) throw new HubException($"{id}: the list of its files is longer than {ByteSize.Text(MostListed)}, which is refused.");
        }
        try
        {
            using var document = JsonDocument.Parse(json.GetBuffer().AsMemory(0, (int)json.Length));
            var commit = document.RootElement.GetProperty("sha").GetString() ?? "";
            var files = document.RootElement.GetProperty("siblings").EnumerateArray().Select(file => file.GetProperty("rfilename").GetString() ?? "").ToList();
            return HubNames.IsPlain(commit) ? new HubRepository(id, commit, files) : throw new HubException($"{id}: '{commit}' is no commit.");
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new HubException($"{Options.Endpoint} does not answer like a hub when asked for the files of {id}. Is HF_ENDPOINT right?", e);
        }
    }

    private async Task Fetch(HubRepository from, IReadOnlyList<string> names, IProgress<HubProgress>? progress, CancellationToken stop)
    {
        foreach (var name in names) HubNames.Checked(from.Id, name);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Math.Max(1, Options.Connections), CancellationToken = stop };
        var missing = names.Where(name => !File.Exists(Cache.PointerOf(from.Id, from.Commit, name))).ToList();
        var files = new ConcurrentBag<HubFile>();
        await Parallel.ForEachAsync(missing, parallel, async (name, ended) =>
            files.Add(await _requests.Persist($"{from.Id}, {name}", () => Describe(from, name, ended), () => 0, ended).ConfigureAwait(false))).ConfigureAwait(false);
        var meter = new HubMeter(progress, files.Count, files.Sum(file => file.Size));
        // The same content under two names is fetched once; its lock makes the second wait.
        await Parallel.ForEachAsync(files.OrderBy(file => file.Name, StringComparer.Ordinal), parallel, async (file, ended) =>
            await new HubTransfer(Options, _requests, Cache, from.Id, file, meter).Run(ended).ConfigureAwait(false)).ConfigureAwait(false);
    }

    private async Task<HubFile> Describe(HubRepository from, string name, CancellationToken stop)
    {
        using var answer = await _requests.Send(HttpMethod.Head, _requests.File(from.Id, from.Commit, name), from.Id, name, 0, stop).ConfigureAwait(false);
        if (answer is not { Etag: { } etag, Size: { } size } || !HubNames.IsPlain(etag) || size < 0)
            throw new HubException($"{Options.Endpoint.Host} tells neither checksum nor length of {name} in {from.Id}, so it cannot be fetched safely.");
        if (answer.Commit is { } commit && commit != from.Commit)
            throw new HubException($"{from.Id} gives {name} of commit {commit} when asked for {from.Commit}.");
        return new HubFile(name, from.Commit, etag, size);
    }
}
