using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Activations and codes pooled to one row per picture by the mean over tokens. Taking features out token by token and then pooling is the
/// same as taking their pooled codes out of the pooled activations, because the mean is linear. Owns its tensors.
/// </summary>
public sealed class PooledData : IDisposable
{
    /// <summary>Takes over activations [n, d] and codes [n, F].</summary>
    /// <exception cref="ShapeException">They do not fit.</exception>
    public PooledData(Tensor activations, Tensor codes)
    {
        ArgumentNullException.ThrowIfNull(activations);
        ArgumentNullException.ThrowIfNull(codes);
        if (activations.ndim != 2 || codes.ndim != 2 || activations.shape[0] != codes.shape[0] || activations.shape[0] == 0)
            throw new ShapeException($"Pooled activations [{string.Join(", ", activations.shape)}] and codes [{string.Join(", ", codes.shape)}] must have one row per picture.");
        (Activations, Codes) = (activations.DetachFromDisposeScope(), codes.DetachFromDisposeScope());
    }

    /// <summary>[n, d]. Borrowed.</summary>
    public Tensor Activations { get; }

    /// <summary>[n, F]. Borrowed.</summary>
    public Tensor Codes { get; }

    /// <summary>Pictures.</summary>
    public int Count => (int)Activations.shape[0];

    /// <summary>Some of the rows, a copy. The caller disposes it.</summary>
    public PooledData Rows(IReadOnlyList<int> rows)
    {
        using var scope = NewDisposeScope();
        var index = tensor([.. rows.Select(row => (long)row)], [rows.Count]);
        return new PooledData(Activations.index_select(0, index), Codes.index_select(0, index));
    }

    /// <summary>The activations without what some features write; the coder's error is kept: [n, d]. The caller disposes it.</summary>
    public Tensor Without(IReadOnlyList<int> features, Tensor directions)
    {
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(directions);
        if (features.Count == 0) return Activations.alias();
        using var scope = NewDisposeScope();
        var index = tensor([.. features.Select(feature => (long)feature)], [features.Count]);
        return (Activations - Codes.index_select(1, index).matmul(directions.index_select(0, index))).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Each feature's effect on a probe: (mean of positives − mean of negatives) of its codes times ⟨probe, direction⟩: [F].
    /// </summary>
    /// <exception cref="PrismaException">Sizes do not fit, or a class has no example.</exception>
    public double[] Effects(IReadOnlyList<bool> labels, LinearProbe probe, Tensor directions)
    {
        ArgumentNullException.ThrowIfNull(probe);
        ArgumentNullException.ThrowIfNull(directions);
        using var scope = NewDisposeScope();
        var along = directions.to(float64).cpu().matmul(tensor([.. probe.Weights], [probe.Weights.Count])).data<double>().ToArray();
        return [.. SparseProbing.MeanDifference(Codes, labels).Zip(along, (difference, part) => difference * part)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Activations.Dispose();
        Codes.Dispose();
    }
}
