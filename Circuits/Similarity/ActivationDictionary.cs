using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Where an atom comes from: the example and its token.</summary>
/// <param name="Example">The example's number in the stream.</param>
/// <param name="Token">Its token.</param>
public readonly record struct AtomId(int Example, int Token);

/// <summary>
/// A dictionary whose atoms are activations themselves (ITDA: Leask, Nanda and Al Moubayed 2025): whatever the atoms so far do not
/// reconstruct becomes an atom. Atoms know where they come from, so dictionaries of two models over the same examples are compared by
/// which ones they chose. Owns its atoms; dispose it.
/// </summary>
public sealed class ActivationDictionary : IDisposable
{
    private readonly List<AtomId> _ids = [];
    private readonly ActivationDictionaryOptions _options;
    private Tensor? _atoms;

    /// <summary>An empty dictionary.</summary>
    public ActivationDictionary(ActivationDictionaryOptions? options = null)
    {
        _options = options ?? new ActivationDictionaryOptions();
        _options.Check();
    }

    /// <summary>Unit rows, [atoms, d]. Borrowed until the next <see cref="Add"/>.</summary>
    /// <exception cref="PrismaException">Nothing was added yet.</exception>
    public Tensor Atoms => _atoms ?? throw new PrismaException("The dictionary is empty: add activations first.");

    /// <summary>Where each atom comes from.</summary>
    public IReadOnlyList<AtomId> Ids => _ids;

    /// <summary>Adds what the atoms so far do not reconstruct; returns the error of every row before that.</summary>
    /// <param name="rows">[n, d].</param>
    /// <param name="ids">Where each row comes from.</param>
    public double[] Add(Tensor rows, IReadOnlyList<AtomId> ids)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentNullException.ThrowIfNull(ids);
        if (rows.ndim != 2 || rows.shape[0] != ids.Count || (_atoms is not null && rows.shape[1] != _atoms.shape[1]))
            throw new ShapeException($"Rows [{string.Join(", ", rows.shape)}] with {ids.Count} origins cannot be added{(_atoms is null ? "" : $" to atoms of width {_atoms.shape[1]}")}.");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var unit = nn.functional.normalize(rows.detach().to(float32));
        var start = Seed(unit, ids);
        var errors = Errors(unit);
        int[] chosen = [.. Enumerable.Range(start, ids.Count - start).Where(k => errors[k] > _options.Threshold).Take(_options.Most - _ids.Count)];
        Append(unit, ids, chosen);
        return errors;
    }

    /// <summary>The share of atoms that two dictionaries over the same examples have in common: |both| / |either|.</summary>
    public static double Jaccard(ActivationDictionary one, ActivationDictionary other)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(other);
        var (a, b) = (one._ids.ToHashSet(), other._ids.ToHashSet());
        return a.Count + b.Count == 0 ? double.NaN : (double)a.Intersect(b).Count() / a.Union(b).Count();
    }

    /// <inheritdoc/>
    public void Dispose() => _atoms?.Dispose();

    // Until there are d atoms, distinct rows are taken as they come. Returns how many rows were looked at.
    private int Seed(Tensor unit, IReadOnlyList<AtomId> ids)
    {
        var row = 0;
        for (; row < ids.Count && _ids.Count < Math.Min(unit.shape[1], _options.Most); row++)
        {
            using var scope = NewDisposeScope();
            if (_atoms is null || _atoms.matmul(unit[row]).max().item<float>() < 1 - 1e-6) Append(unit, ids, [row]);
        }
        return row;
    }

    private void Append(Tensor unit, IReadOnlyList<AtomId> ids, int[] chosen)
    {
        if (chosen.Length == 0) return;
        using var scope = NewDisposeScope();
        var rows = unit.index_select(0, tensor(chosen.Select(k => (long)k).ToArray(), device: unit.device));
        var before = _atoms;
        _atoms = (before is null ? rows : cat([before, rows], 0)).DetachFromDisposeScope();
        before?.Dispose();
        _ids.AddRange(chosen.Select(k => ids[k]));
    }

    // Mean over channels of the squared difference of unit vectors: 2(1 − cosine)/d.
    private double[] Errors(Tensor unit)
    {
        using var scope = NewDisposeScope();
        var reconstructed = nn.functional.normalize(Pursued(unit));
        return [.. Numbers.Of((unit - reconstructed).square().mean([1])).Select(value => (double)value)];
    }

    // Matching pursuit: again and again the atom that points most along what is left, either way.
    private Tensor Pursued(Tensor x)
    {
        var (atoms, left) = (_atoms!, x);
        for (var step = 0; step < Math.Min(_options.Active, atoms.shape[0]); step++)
        {
            var products = left.matmul(atoms.t());
            var best = products.abs().argmax(1, keepdim: true);
            left -= products.gather(1, best) * atoms.index_select(0, best.squeeze(1));
        }
        return x - left;
    }
}

/// <summary>How a dictionary of activations grows.</summary>
public sealed record ActivationDictionaryOptions
{
    /// <summary>The error, 2(1 − cosine)/d, above which a row becomes an atom (0.0004 as published for width 768).</summary>
    public double Threshold { get; init; } = 0.0004;

    /// <summary>Atoms that reconstruct a row.</summary>
    public int Active { get; init; } = 40;

    /// <summary>The most atoms.</summary>
    public int Most { get; init; } = 8192;

    /// <summary>Refuses impossible values.</summary>
    /// <exception cref="OptionsException">Some are.</exception>
    public void Check()
    {
        if (!(Threshold >= 0) || Active < 1 || Most < 1) throw new OptionsException($"Dictionary of activations: threshold {Threshold}, {Active} active, at most {Most}; counts must be positive, the threshold not negative.");
    }
}
