namespace Prisma.Core;

/// <summary>
/// The cache that Python's huggingface_hub shares: <c>models--owner--name/</c> with <c>blobs/</c> (contents by checksum), <c>snapshots/commit/</c>
/// (links to them by name) and <c>refs/</c> (which commit a branch stands for); locks in <c>.locks/</c>.
/// </summary>
public sealed class HubCache
{
    /// <summary>Names the cache's folder; nothing is made.</summary>
    public HubCache(string root)
    {
        ArgumentException.ThrowIfNullOrEmpty(root);
        Root = Path.GetFullPath(root);
    }

    /// <summary>The folder.</summary>
    public string Root { get; }

    /// <summary>A repository's folder, whether or not it is there.</summary>
    public string FolderOf(HubId id) => Path.Combine(Root, id.Folder);

    /// <summary>The commit that a revision stands for here; null where it was never fetched.</summary>
    public string? CommitOf(HubId id, string revision)
    {
        ArgumentNullException.ThrowIfNull(revision);
        if (HubNames.IsCommit(revision)) return revision;
        var file = RefOf(id, revision);
        if (!File.Exists(file)) return null;
        var commit = File.ReadAllText(file).Trim();
        return HubNames.IsPlain(commit) ? commit : null;
    }

    /// <summary>The folder of a revision's files, as far as they were fetched; null where there is none.</summary>
    public string? Snapshot(HubId id, string revision) =>
        CommitOf(id, revision) is { } commit && Directory.Exists(SnapshotOf(id, commit)) ? SnapshotOf(id, commit) : null;

    /// <summary>A file of a revision; null where it was not fetched, or not to its end.</summary>
    public string? Find(HubId id, string revision, string file)
    {
        ArgumentNullException.ThrowIfNull(file);
        return HubNames.IsRelative(file) && Snapshot(id, revision) is { } folder && File.Exists(Path.Combine(folder, file)) ? Path.Combine(folder, file) : null;
    }

    internal string SnapshotOf(HubId id, string commit) => Path.Combine(FolderOf(id), "snapshots", commit);

    internal string PointerOf(HubId id, string commit, string file) => Path.Combine(SnapshotOf(id, commit), HubNames.Checked(id, file));

    internal string BlobOf(HubId id, string etag) => Path.Combine(FolderOf(id), "blobs", etag);

    internal string LockOf(HubId id, string etag) => Path.Combine(Root, ".locks", id.Folder, etag + ".lock");

    internal void Remember(HubId id, string revision, string commit)
    {
        if (revision != commit && CommitOf(id, revision) != commit) AtomicFile.WriteText(RefOf(id, revision), commit, ExistingFile.Replace);
    }

    /// <summary>Lets a content appear under its name; a link where the disk has links, a copy elsewhere.</summary>
    internal void Link(HubId id, HubFile file)
    {
        var (pointer, blob) = (PointerOf(id, file.Commit, file.Name), BlobOf(id, file.Etag));
        if (File.Exists(pointer)) return;
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(pointer)!);
            File.Delete(pointer);  // a link to something that is gone
            File.CreateSymbolicLink(pointer, Path.GetRelativePath(Path.GetDirectoryName(pointer)!, blob));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PlatformNotSupportedException)
        {
            if (!File.Exists(pointer)) AtomicFile.Write(pointer, stream => { using var from = File.OpenRead(blob); from.CopyTo(stream); }, ExistingFile.Replace, file.Size);
        }
    }

    private string RefOf(HubId id, string revision) => HubNames.IsRelative(revision)
        ? Path.Combine(FolderOf(id), "refs", revision)
        : throw new OptionsException($"'{revision}' is no revision: name a branch, a tag or a commit.");
}
