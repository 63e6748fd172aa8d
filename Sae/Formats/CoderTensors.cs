using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The tensors of one coder by the names of its format: each is asked for with its shape, widened to float32, and at the end nothing may be
/// left over. Tensors live in the scope they were read in.
/// </summary>
internal sealed class CoderTensors
{
    private readonly Dictionary<string, StoredTensor> _stored;
    private readonly string _file;
    private readonly HashSet<string> _used = new(StringComparer.Ordinal);
    private readonly List<string> _faults = [];

    internal CoderTensors(IEnumerable<StoredTensor> tensors, string file, params IReadOnlyList<string> wrappers)
    {
        _file = file;
        // Saved under torch.compile or DataParallel, beside the format's own wrappers.
        IReadOnlyList<string> prefixes = ["_orig_mod.", "module.", .. wrappers];
        _stored = new Dictionary<string, StoredTensor>(StringComparer.Ordinal);
        foreach (var tensor in tensors)
            if (!_stored.TryAdd(Bare(tensor.Name, prefixes), tensor)) throw new CheckpointException($"'{file}' has {Bare(tensor.Name, prefixes)} twice.");
    }

    internal IEnumerable<string> Names => _stored.Keys;

    internal bool Has(string name) => _stored.ContainsKey(name);

    /// <summary>The sizes of a matrix; an error names the file.</summary>
    internal (int Rows, int Columns) Sizes(string name)
    {
        var shape = Shape(name, 2);
        return (shape[0], shape[1]);
    }

    /// <summary>The shape of a tensor with a known number of axes; an error names the file.</summary>
    internal IReadOnlyList<int> Shape(string name, int axes)
    {
        if (!_stored.TryGetValue(name, out var stored))
            throw new CheckpointException($"'{_file}' has no {name}. It has: {string.Join(", ", _stored.Keys.Order(StringComparer.Ordinal))}.");
        return stored.Shape.Count == axes
            ? [.. stored.Shape.Select(size => checked((int)size))]
            : throw new CheckpointException($"'{_file}': {name} is [{string.Join(", ", stored.Shape)}], {axes} axes are expected.");
    }

    /// <summary>The shape of a tensor; null where there is none.</summary>
    internal IReadOnlyList<long>? ShapeOf(string name) => _stored.TryGetValue(name, out var stored) ? stored.Shape : null;

    /// <summary>A tensor of a known shape where the file has it.</summary>
    internal Tensor? TakeIfThere(string name, params long[] shape) => Has(name) ? Take(name, shape) : null;

    /// <summary>A tensor of a known shape, dense and in float32.</summary>
    internal Tensor Take(string name, params long[] shape)
    {
        _used.Add(name);
        if (!_stored.TryGetValue(name, out var stored)) _faults.Add($"{name} is missing");
        else if (!stored.Shape.SequenceEqual(shape)) _faults.Add($"{name} is [{string.Join(", ", stored.Shape)}], expected [{string.Join(", ", shape)}]");
        else return stored.ToTensor().to(ScalarType.Float32);
        return zeros(shape);
    }

    /// <summary>A matrix [rows, columns] as its dense transpose.</summary>
    internal Tensor TakeTransposed(string name, long rows, long columns) => Take(name, rows, columns).t().contiguous();

    /// <summary>The single value of a tensor; null where there is none.</summary>
    internal double? Scalar(string name)
    {
        _used.Add(name);
        return _stored.TryGetValue(name, out var stored) ? stored.ToScalar() : null;
    }

    /// <summary>Marks tensors that the format stores and does not use.</summary>
    internal void Ignore(params IEnumerable<string> names) => _used.UnionWith(names);

    /// <summary>Reports missing, misshapen and unexpected tensors together.</summary>
    internal void Finish()
    {
        _faults.AddRange(_stored.Keys.Where(name => !_used.Contains(name)).Order(StringComparer.Ordinal).Select(name => $"{name} is unexpected"));
        if (_faults.Count > 0) throw new CheckpointException($"'{_file}' does not hold the tensors of this coder: {string.Join("; ", _faults)}.");
    }

    private static string Bare(string name, IReadOnlyList<string> prefixes)
    {
        while (prefixes.FirstOrDefault(prefix => name.StartsWith(prefix, StringComparison.Ordinal)) is { } prefix) name = name[prefix.Length..];
        return name;
    }
}
