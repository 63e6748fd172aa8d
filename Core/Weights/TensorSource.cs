using System.Diagnostics.CodeAnalysis;

namespace Prisma.Core;

/// <summary>
/// The named tensors of a checkpoint, whatever its format. Opening reads headers only; values are read when a tensor is used.
/// Caller disposes; its tensors cannot be read afterwards.
/// </summary>
public class TensorSource : IDisposable
{
    /// <summary>The name of a tensor that is a file's whole content and has none of its own.</summary>
    public const string LoneName = "tensor";

    private readonly Dictionary<string, StoredTensor> _tensors;
    private readonly IReadOnlyList<IDisposable> _owned;

    internal TensorSource(
        string path,
        string format,
        IReadOnlyList<StoredTensor> tensors,
        IReadOnlyDictionary<string, string>? metadata = null,
        params IReadOnlyList<IDisposable> owned)
    {
        Path = path;
        Format = format;
        Tensors = tensors;
        Metadata = metadata ?? new Dictionary<string, string>();
        _owned = owned;
        _tensors = new Dictionary<string, StoredTensor>(tensors.Count);
        foreach (var tensor in tensors)
        {
            if (!_tensors.TryAdd(tensor.Name, tensor))
                throw new CheckpointException($"'{path}': two tensors are named '{tensor.Name}'.");
        }
    }

    /// <summary>The file or folder, as given.</summary>
    public string Path { get; }

    /// <summary>What it was recognised as, for people.</summary>
    public string Format { get; }

    /// <summary>Every tensor, in the file's order.</summary>
    public IReadOnlyList<StoredTensor> Tensors { get; }

    /// <summary>Every name, in the file's order.</summary>
    public IEnumerable<string> Names => Tensors.Select(tensor => tensor.Name);

    /// <summary>Text beside the tensors: safetensors' <c>__metadata__</c>; empty elsewhere.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>Opens a file, recognised by its content: safetensors (also an index of shards), PyTorch (zip, older streams, plain and gzipped pickles), npz, npy.</summary>
    /// <exception cref="CheckpointException">It does not exist, is damaged, is of no known kind, or names code that must not run.</exception>
    public static TensorSource Open(string path) => CheckpointReader.Open(path);

    /// <summary>Whether there is a tensor of this name.</summary>
    public bool Contains(string name) => _tensors.ContainsKey(name);

    /// <summary>Finds a tensor.</summary>
    public bool TryGet(string name, [NotNullWhen(true)] out StoredTensor? tensor) => _tensors.TryGetValue(name, out tensor);

    /// <summary>Finds a tensor.</summary>
    /// <exception cref="CheckpointException">There is none; the message lists the nearest names.</exception>
    public StoredTensor Get(string name) => TryGet(name, out var tensor)
        ? tensor
        : throw new CheckpointException(Tensors.Count == 0
            ? $"'{Path}' has no tensor '{name}': it holds no tensors at all."
            : $"'{Path}' has no tensor '{name}' among its {Tensors.Count}. Nearest: {string.Join(", ", NearestNames.Of(name, Names))}.");

    /// <summary>The only tensor of files that hold one, such as <c>.npy</c> or <c>mean.pt</c>.</summary>
    /// <exception cref="CheckpointException">There is none, or several.</exception>
    public StoredTensor Single() => Tensors.Count == 1
        ? Tensors[0]
        : throw new CheckpointException($"'{Path}' holds {Tensors.Count} tensors; one is expected.");

    /// <summary>
    /// The same tensors without leading wrappers, by default those of torch.compile and DataParallel. A wrapper is taken off repeatedly;
    /// names without it stay. Takes ownership: disposing the result disposes this source.
    /// </summary>
    /// <exception cref="CheckpointException">Two names become equal.</exception>
    public TensorSource WithoutPrefixes(params IReadOnlyList<string> prefixes)
    {
        IReadOnlyList<string> wrappers = prefixes.Count == 0 ? ["_orig_mod.", "module."] : prefixes;
        var changed = false;
        var renamed = Tensors.Select(tensor =>
        {
            var name = tensor.Name;
            while (wrappers.FirstOrDefault(prefix => prefix.Length > 0 && name.StartsWith(prefix, StringComparison.Ordinal)) is { } prefix)
                name = name[prefix.Length..];
            if (name == tensor.Name) return tensor;
            changed = true;
            return tensor.Renamed(name);
        }).ToList();
        return changed ? new TensorSource(Path, Format, renamed, Metadata, this) : this;
    }

    /// <summary>
    /// Only the tensors below a dotted name, such as <c>state_dict</c> or <c>autoencoder.state_dict</c>, named from there. Takes ownership:
    /// disposing the result disposes this source.
    /// </summary>
    /// <exception cref="CheckpointException">There are none.</exception>
    public TensorSource Below(string name)
    {
        var prefix = name + ".";
        var below = Tensors.Where(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal)).Select(tensor => tensor.Renamed(tensor.Name[prefix.Length..])).ToList();
        if (below.Count == 0) throw new CheckpointException($"'{Path}' has no tensors below '{name}'. Its first names are {string.Join(", ", Names.Take(5))}.");
        return new TensorSource(Path, Format, below, Metadata, this);
    }

    /// <summary>The tensors of two files in one, each file's behind a prefix of its own. Takes ownership of both.</summary>
    public TensorSource Beside(TensorSource other, string ownPrefix, string otherPrefix)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new TensorSource(Path, Format, [.. Tensors.Select(tensor => tensor.Renamed(ownPrefix + tensor.Name)), .. other.Tensors.Select(tensor => tensor.Renamed(otherPrefix + tensor.Name))], Metadata, this, other);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var owned in _owned) owned.Dispose();
        GC.SuppressFinalize(this);
    }
}
