using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The folder of a harvest while it is worked on: locked against a second run, cleared of what a killed one left, weighed against the disk.</summary>
internal sealed class HarvestFolder : IDisposable
{
    private const string LockName = ".harvest.lock";

    private readonly FileStream _lock;

    private HarvestFolder(string path, FileStream held) => (Path, _lock) = (path, held);

    internal string Path { get; }

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

    /// <summary>The harvest that is there, if its settings are the ones asked for; a new one where there is none.</summary>
    /// <exception cref="PrismaException">There is one with other settings, a damaged one, or files without an index.</exception>
    internal HarvestIndex Begin(HarvestSettings settings, ExistingHarvest existing)
    {
        foreach (var left in Directory.EnumerateFiles(Path, ".*.tmp").Where(IsOurs)) File.Delete(left);
        if (existing == ExistingHarvest.Replace) Clear();
        if (!File.Exists(System.IO.Path.Combine(Path, HarvestIndex.FileName)))
            return Directory.EnumerateFiles(Path, "shard-*.safetensors").FirstOrDefault() is { } stray
                ? throw new PrismaException($"'{stray}' is there without an index, so what it holds is not known. Choose another folder, or start anew with --force.")
                : HarvestIndex.Start(settings).Write(Path);
        var index = HarvestIndex.Read(Path);
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
        var (left, free) = (total - index.Shards.Sum(shard => shard.Bytes), new DriveInfo(System.IO.Path.GetFullPath(Path)).AvailableFreeSpace);
        if (left > 0 && left + options.KeepFree > free)
            throw new OptionsException($"The harvest does not fit the disk of '{Path}': {what}, {ByteSize.Text(left)} are still to be written, {ByteSize.Text(free)} are free and {ByteSize.Text(options.KeepFree)} of them stay free. Take fewer examples, places or tokens, store bfloat16, or choose another disk.");
    }

    public void Dispose() => _lock.Dispose();

    private static bool IsOurs(string file) => System.IO.Path.GetFileName(file) is var name
        && (name.StartsWith(".shard-", StringComparison.Ordinal) || name.StartsWith($".{HarvestIndex.FileName}.", StringComparison.Ordinal));

    // The index goes first: files without one are never taken for a harvest.
    private void Clear()
    {
        File.Delete(System.IO.Path.Combine(Path, HarvestIndex.FileName));
        foreach (var shard in Directory.EnumerateFiles(Path, "shard-*.safetensors")) File.Delete(shard);
    }
}
