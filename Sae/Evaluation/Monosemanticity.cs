using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Monosemanticity score (Pach et al. 2025): do the pictures that excite a feature look alike? MS_k = Σ_{n≠m} ã_n ã_m ⟨p_n, p_m⟩ / Σ_{n≠m} ã_n ã_m
/// with p the unit embeddings of pictures by an encoder of their own and ã the feature's activations scaled to [0, 1] over the data. Exact in
/// one pass: with V = Σ ã p, S = Σ ã, Q = Σ ã² it is (‖V‖² − Q)/(S² − Q), and the scaling is applied to the sums. Owns [F, e] doubles.
/// Duplicates among the pictures push it towards 1.
/// </summary>
public sealed class Monosemanticity : IDisposable
{
    private const double SmallestWeight = 1e-8;

    private Tensor? _weighted, _sum, _sums, _squares, _lowest, _highest;
    private long _count;

    /// <summary>Adds pictures.</summary>
    /// <param name="activations">[n, F]: one number per picture and feature, such as the maximum over tokens.</param>
    /// <param name="embeddings">[n, e]; brought to length 1 here.</param>
    /// <exception cref="ShapeException">They do not fit each other or what came before.</exception>
    public void Add(Tensor activations, Tensor embeddings)
    {
        ArgumentNullException.ThrowIfNull(activations);
        ArgumentNullException.ThrowIfNull(embeddings);
        if (activations.ndim != 2 || embeddings.ndim != 2 || activations.shape[0] != embeddings.shape[0] || activations.shape[0] == 0
            || (_weighted is not null && (_weighted.shape[0] != activations.shape[1] || _weighted.shape[1] != embeddings.shape[1])))
            throw new ShapeException(
                $"Monosemanticity: activations [{string.Join(", ", activations.shape)}] and embeddings [{string.Join(", ", embeddings.shape)}]; [n, F] and [n, e] are needed, the same F and e in every batch.");
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var (a, p) = (activations.to(float64), nn.functional.normalize(embeddings.to(float64)));
        _count += a.shape[0];
        Keep(ref _weighted, a.t().matmul(p), (old, fresh) => old + fresh);
        Keep(ref _sum, p.sum(0L), (old, fresh) => old + fresh);
        Keep(ref _sums, a.sum(0L), (old, fresh) => old + fresh);
        Keep(ref _squares, a.square().sum(0L), (old, fresh) => old + fresh);
        Keep(ref _lowest, a.amin([0L]), (old, fresh) => old.minimum(fresh));
        Keep(ref _highest, a.amax([0L]), (old, fresh) => old.maximum(fresh));
    }

    /// <summary>The score of every feature; 0 for one that is constant over the data or fires on a single picture.</summary>
    /// <exception cref="OptionsException">Fewer than two pictures were added.</exception>
    public double[] Scores()
    {
        if (_count < 2) throw new OptionsException($"A monosemanticity score compares pictures with each other; {_count} were given.");
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var range = _highest! - _lowest!;
        var moving = range.gt(0);
        range = range.masked_fill(moving.logical_not(), 1);
        var v = (_weighted! - _lowest!.unsqueeze(1) * _sum!) / range.unsqueeze(1);
        var s = (_sums! - _lowest * _count) / range;
        var q = (_squares! - 2 * _lowest * _sums! + _lowest.square() * _count) / range.square();
        var weight = s.square() - q;
        var defined = moving.logical_and(weight.gt(SmallestWeight));
        var score = (v.square().sum(1) - q) / weight.masked_fill(defined.logical_not(), 1);
        return score.masked_fill(defined.logical_not(), 0).cpu().data<double>().ToArray();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var tensor in new[] { _weighted, _sum, _sums, _squares, _lowest, _highest }) tensor?.Dispose();
    }

    private static void Keep(ref Tensor? kept, Tensor fresh, Func<Tensor, Tensor, Tensor> merge)
    {
        var merged = kept is null ? fresh : merge(kept, fresh);
        kept?.Dispose();
        kept = merged.DetachFromDisposeScope();
    }
}
