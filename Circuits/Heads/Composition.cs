using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>By which input a later head can read what an earlier one wrote.</summary>
public enum CompositionKind
{
    /// <summary>By its queries.</summary>
    Query,
    /// <summary>By its keys.</summary>
    Key,
    /// <summary>By its values.</summary>
    Value,
}

/// <summary>
/// Composition scores (Elhage et al. 2021): ‖W_a·W_b‖ / (‖W_a‖·‖W_b‖) with W_a = OV of the earlier head and W_b = QK, QKᵀ or OV of the
/// later one, minus what random matrices of these shapes give.
/// </summary>
public static class Composition
{
    /// <summary>The score of two matrices, without a baseline.</summary>
    public static double Score(FactoredMatrix earlier, FactoredMatrix later)
    {
        ArgumentNullException.ThrowIfNull(earlier);
        ArgumentNullException.ThrowIfNull(later);
        using var product = earlier.Times(later);
        var norms = earlier.Norm() * later.Norm();
        return norms > 0 ? product.Norm() / norms : 0;
    }

    /// <summary>
    /// The scores of all pairs of heads, [heads, heads] with heads as <c>L0H0, L0H1, …, L1H0, …</c>, rows the earlier; NaN where the row's head
    /// does not come earlier.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="kind">By which input.</param>
    /// <param name="part">The part of the model; empty where there is one stack.</param>
    /// <param name="samples">Random pairs for the baseline; 0: none is subtracted.</param>
    /// <param name="seed">Of the random pairs.</param>
    public static (double[,] Scores, IReadOnlyList<string> Heads, double Baseline) Of(HookedModel model, CompositionKind kind, string part = "", int samples = 100, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        using var scope = NewDisposeScope();
        var heads = model.InBlocks<Attention>(part).SelectMany(block => Enumerable.Range(0, block.Module.Heads).Select(head => (block.Layer, Head: head, block.Module))).ToList();
        if (heads.Count == 0) throw new NotApplicableException($"Composition does not apply: {model.Card.Name} has no attention{(part.Length > 0 ? $" in '{part}'" : "")}.");
        var writers = heads.Select(head => HeadCircuits.Ov(head.Module, head.Head)).ToList();
        var readers = heads.Select(head => Reads(head.Module, head.Head, kind)).ToList();
        var baseline = samples > 0 ? Random(heads[0].Module, samples, seed) : 0;
        var scores = new double[heads.Count, heads.Count];
        for (var a = 0; a < heads.Count; a++)
            for (var b = 0; b < heads.Count; b++)
                scores[a, b] = heads[a].Layer < heads[b].Layer ? Score(writers[a], readers[b]) - baseline : double.NaN;
        foreach (var matrix in writers.Concat(readers)) matrix.Dispose();
        return (scores, [.. heads.Select(head => $"L{head.Layer}H{head.Head}")], baseline);
    }

    private static FactoredMatrix Reads(Attention attention, int head, CompositionKind kind)
    {
        if (kind == CompositionKind.Value) return HeadCircuits.Ov(attention, head);
        var qk = HeadCircuits.Qk(attention, head);
        if (kind == CompositionKind.Query) return qk;
        using (qk) return qk.Transposed();
    }

    private static double Random(Attention attention, int samples, long seed)
    {
        using var generator = new Generator((ulong)seed);
        FactoredMatrix Next() => new(randn(attention.Width, attention.HeadWidth, generator: generator), randn(attention.HeadWidth, attention.Width, generator: generator));
        return Enumerable.Range(0, samples).Average(_ =>
        {
            using var earlier = Next();
            using var later = Next();
            return Score(earlier, later);
        });
    }
}
