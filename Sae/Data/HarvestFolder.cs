using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The folder of a harvest while it is worked on: locked against a second run, cleared of what a killed one left, weighed against the disk.</summary>
internal sealed class HarvestFolder : IDisposable
{
    private const string LockName = ".harvest.lock";

    private readonly FileStream _lock;

    private HarvestFolder(string path, FileStream held) => (Path, _lock) = (path, held);

    internal string Path { get; }

    private IReadOnlyList<string> Shards => [.. Directory.EnumerateFiles(Path, "shard-*.safetensors").Order(StringComparer.Ordinal)];

    /// <exception cref="PrismaException">Another run works there, or the place cannot be written.</exception>
    internal static HarvestFolder Open(string path)
    {
        if (File.Exists(path)) throw new PrismaException($"Cannot harvest into '{path}': it is a file. Name a folder.");
        try
        {
            Directory.CreateDirectory(path);
            var held = new FileStream(System.IO.Path.Combine(path, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
            return new HarvestFolder(path, held);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new PrismaException($"Cannot harvest into '{path}': {error.Message} If another run works there, let it end.", error);
        }
    }

    /// <summary>The harvest to go on with, or a new one; nothing is changed yet. One without a finished file may take other settings.</summary>
    /// <exception cref="PrismaException">There is one with other settings, a damaged one, or files without an index.</exception>
    internal HarvestIndex Find(HarvestSettings settings, ExistingHarvest existing)
    {
        if (existing == ExistingHarvest.Replace) return HarvestIndex.Start(settings);
        if (!File.Exists(System.IO.Path.Combine(Path, HarvestIndex.FileName)))
            return Shards is [var stray, ..]
                ? throw new PrismaException($"'{stray}' is there without an index, so what it holds is not known. Choose another folder, or start anew with --force.")
                : HarvestIndex.Start(settings);
        var index = HarvestIndex.Read(Path);
        if (index.Shards.Count == 0) return HarvestIndex.Start(settings);
        var differences = index.Settings.Differences(settings);
        return differences.Count == 0
            ? index
            : throw new OptionsException($"'{Path}' holds a harvest with other settings: {string.Join("; ", differences)}. Choose another folder, or start anew with --force.");
    }

    /// <summary>Compares what is still to be written with the budget and the disk.</summary>
    /// <exception cref="OptionsException">It does not fit; the message has the numbers.</exception>
    internal void CheckRoom(HarvestIndex index, long total, HarvestOptions options)
    {
        var settings = index.Settings;
        var what = $"{settings.Rows:n0} rows of {ByteSize.Text(settings.RowBytes)} need about {ByteSize.Text(total)} ({total:n0} bytes)";
        if (total > options.Budget)
            throw new OptionsException($"The harvest does not fit its budget: {what}, and {ByteSize.Text(options.Budget.Value)} are allowed. Take fewer examples, places or tokens, store bfloat16, or raise --budget.");
        // Files of a harvest that is replaced, or that an interrupted run did not name, make room.
        var left = total - index.Shards.Sum(shard => shard.Bytes);
        var free = new DriveInfo(System.IO.Path.GetFullPath(Path)).AvailableFreeSpace + Shards.Skip(index.Shards.Count).Sum(file => new FileInfo(file).Length);
        if (left > 0 && left + options.KeepFree > free)
            throw new OptionsException($"The harvest does not fit the disk of '{Path}': {what}, {ByteSize.Text(left)} are still to be written, {ByteSize.Text(free)} are free and {ByteSize.Text(options.KeepFree)} of them stay free. Take fewer examples, places or tokens, store bfloat16, or choose another disk.");
    }

    /// <summary>Removes what a killed run left and, before a new harvest, what the folder held; then the index is there.</summary>
    internal HarvestIndex Begin(HarvestIndex index)
    {
        foreach (var left in Directory.EnumerateFiles(Path, ".*.tmp").Where(IsOurs)) File.Delete(left);
        if (index.Shards.Count > 0) return index;
        // The index goes first: files without one are never taken for a harvest.
        File.Delete(System.IO.Path.Combine(Path, HarvestIndex.FileName));
        foreach (var shard in Shards) File.Delete(shard);
        return index.Write(Path);
    }

    public void Dispose() => _lock.Dispose();

    private static bool IsOurs(string file) => System.IO.Path.GetFileName(file) is var name
        && (name.StartsWith(".shard-", StringComparison.Ordinal) || name.StartsWith($".{HarvestIndex.FileName}.", StringComparison.Ordinal));
}
