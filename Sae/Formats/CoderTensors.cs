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

    internal CoderTensors(IEnumerable<StoredTensor> tensors, string file)
    {
        _file = file;
        _stored = tensors.ToDictionary(tensor => Bare(tensor.Name), StringComparer.Ordinal);
    }

    internal bool Has(string name) => _stored.ContainsKey(name);

    /// <summary>The sizes of a matrix; an error names the file.</summary>
    internal (int Rows, int Columns) Sizes(string name)
    {
        if (!_stored.TryGetValue(name, out var stored))
            throw new CheckpointException($"'{_file}' has no {name}. It has: {string.Join(", ", _stored.Keys.Order(StringComparer.Ordinal))}.");
        return stored.Shape.Count == 2
            ? (checked((int)stored.Shape[0]), checked((int)stored.Shape[1]))
            : throw new CheckpointException($"'{_file}': {name} is [{string.Join(", ", stored.Shape)}], a matrix is expected.");
    }

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

    // Saved under torch.compile or DataParallel.
    private static string Bare(string name)
    {
        while (true)
        {
            if (name.StartsWith("_orig_mod.", StringComparison.Ordinal)) name = name["_orig_mod.".Length..];
            else if (name.StartsWith("module.", StringComparison.Ordinal)) name = name["module.".Length..];
            else return name;
        }
    }
}
