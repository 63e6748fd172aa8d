using System.Reflection;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The coder formats found in a set of assemblies; finds the one coder that a path means.</summary>
public sealed class CoderCatalog
{
    // A search downwards is meant for a checkpoint's folder, not for a disk.
    private const int MaxFolders = 10_000;

    private static readonly string[] s_checkpoints = [".pt", ".pth", ".safetensors", ".npz", ".bin", ".pkl"];

    /// <summary>Finds every concrete format in the assemblies.</summary>
    public CoderCatalog(params IEnumerable<Assembly> assemblies) : this(
        assemblies.SelectMany(assembly => assembly.GetTypes())
            .Where(type => type.IsSubclassOf(typeof(CoderFormat)) && !type.IsAbstract)
            .Select(type => (CoderFormat)Activator.CreateInstance(type)!))
    { }

    private CoderCatalog(IEnumerable<CoderFormat> formats) => Formats = [.. formats.OrderBy(format => format.Name, StringComparer.Ordinal)];

    /// <summary>All formats, by name.</summary>
    public IReadOnlyList<CoderFormat> Formats { get; }

    /// <summary>The same catalog with a format of one's own.</summary>
    public CoderCatalog With(CoderFormat format) => new(Formats.Append(format));

    /// <summary>Every coder at a path: a file's own, or those of a folder and the folders below it.</summary>
    /// <exception cref="CheckpointException">There is no such path.</exception>
    public IReadOnlyList<CoderCandidate> Find(string path)
    {
        if (Directory.Exists(path)) return [.. Below(path).DistinctBy(found => found.Weights, StringComparer.Ordinal)];
        if (!File.Exists(path)) throw new CheckpointException($"There is no SAE file or folder '{path}'. Give a file, or a folder that holds one.");
        var full = Path.GetFullPath(path);
        var claimed = Claimed(new CoderFolder(Path.GetDirectoryName(full)!)).ToList();
        var named = claimed.Where(found => found.Weights == full).ToList();
        return named.Count > 0 ? named : [.. claimed.Where(found => found.Config == full && found.Extent != CoderExtent.Part)];
    }

    /// <summary>Opens the one coder at a path, which has one list of features. The caller disposes it.</summary>
    /// <exception cref="CheckpointException">There is none, there are several, or it cannot be read; or it is a coder of several layers.</exception>
    /// <exception cref="OptionsException">An option does not apply to it.</exception>
    public ISparseCoder Open(string path, CoderOptions? options = null)
    {
        var coder = OpenAny(path, options);
        if (coder is ISparseCoder one) return one;
        var architecture = coder.Card.Architecture;
        coder.Dispose();
        throw new CheckpointException($"'{path}' is a {architecture}, a coder of several places; one with one list of features is needed here: name one layer's file.");
    }

    /// <summary>Opens the one coder at a path, of whatever kind. The caller disposes it.</summary>
    /// <exception cref="CheckpointException">There is none, there are several, or it cannot be read.</exception>
    /// <exception cref="OptionsException">An option does not apply to it.</exception>
    public ICoder OpenAny(string path, CoderOptions? options = null)
    {
        var found = Find(path);
        return found.Count switch
        {
            1 => found[0].Format.Read(found[0], options ?? CoderOptions.None),
            0 => throw Damage(path) ?? new CheckpointException($"'{path}' holds no coder of a known format ({string.Join(", ", Formats.Select(format => format.Name))}). {Contents(path)}"),
            _ => throw new CheckpointException(
                $"'{path}' holds {found.Count} coders; name one: {string.Join(", ", found.Select(one => Path.GetRelativePath(path, one.Weights)).Take(40))}{(found.Count > 40 ? ", …" : "")}."),
        };
    }

    // One coder may be stored in several files; formats claim each coder once, so the same weights file is counted once too.
    private IEnumerable<CoderCandidate> Claimed(CoderFolder folder) =>
        Formats.SelectMany(format => format.Claims(folder)).DistinctBy(candidate => candidate.Weights, StringComparer.Ordinal);

    // A file that is no readable checkpoint at all says so itself, also where a folder has nothing else.
    private static CheckpointException? Damage(string path)
    {
        if (Directory.Exists(path))
        {
            return Directory.EnumerateFiles(path, "*", new EnumerationOptions { RecurseSubdirectories = true, MaxRecursionDepth = 4, AttributesToSkip = FileAttributes.ReparsePoint })
                .Where(file => s_checkpoints.Contains(Path.GetExtension(file))).Take(MaxFolders).Select(Damage).FirstOrDefault(damage => damage is not null);
        }
        if (!File.Exists(path) || path.EndsWith(".json", StringComparison.Ordinal)) return null;
        try
        {
            using var source = TensorSource.Open(path);
            return null;
        }
        catch (CheckpointException damage)
        {
            return damage;
        }
    }

    private IEnumerable<CoderCandidate> Below(string path)
    {
        var open = new Queue<string>([path]);
        for (var seen = 1; open.TryDequeue(out var folder); seen++)
        {
            if (seen > MaxFolders) throw new CheckpointException($"'{path}' has more than {MaxFolders} folders below it: name the SAE's own folder.");
            var here = Claimed(new CoderFolder(folder)).Where(found => found.Extent != CoderExtent.Part).ToList();
            if (here.Find(found => found.Extent == CoderExtent.Folder) is { } all)
            {
                yield return all;
                continue;
            }
            foreach (var found in here) yield return found;
            foreach (var below in Directory.GetDirectories(folder).Order(StringComparer.Ordinal))
                if (new DirectoryInfo(below).LinkTarget is null) open.Enqueue(below);
        }
    }

    private static string Contents(string path)
    {
        if (!Directory.Exists(path)) return $"Its folder has: {string.Join(", ", Directory.GetFiles(Path.GetDirectoryName(Path.GetFullPath(path))!).Select(Path.GetFileName).Order().Take(10))}.";
        var files = Directory.GetFiles(path).Select(Path.GetFileName).Order().Take(10).ToList();
        return files.Count == 0 ? "The folder has no files." : $"It has: {string.Join(", ", files)}.";
    }
}
