using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// How close to a topic the examples are that excite each feature (after IBM's sae-steering): the distance of every reference example to the nearest of an alignment set,
/// averaged over the examples with the feature's activation as weight. Embeddings of any encoder: of sentences, or of pictures and captions in CLIP's space.
/// </summary>
/// <param name="Scores">[F]: 1 for the feature nearest to the topic, 0 for the farthest; NaN where it never fires.</param>
/// <param name="Distances">The distance of each reference example to the alignment set; 0 where it is within rounding (1e-5 for float32 embeddings).</param>
/// <param name="Coverage">The share of features that fire on the reference examples.</param>
public sealed record TopicAlignment(IReadOnlyList<double> Scores, IReadOnlyList<double> Distances, double Coverage)
{
    /// <summary>Scores every feature.</summary>
    /// <param name="activations">Codes of the reference examples, pooled over tokens, [n, F]; not negative.</param>
    /// <param name="reference">Their embeddings, [n, e].</param>
    /// <param name="alignment">Embeddings of the topic, [m, e].</param>
    /// <exception cref="ShapeException">Sizes do not fit.</exception>
    public static TopicAlignment Of(Tensor activations, Tensor reference, Tensor alignment)
    {
        ArgumentNullException.ThrowIfNull(activations);
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(alignment);
        if (activations.ndim != 2 || reference.ndim != 2 || alignment.ndim != 2 || activations.shape[0] != reference.shape[0] || reference.shape[1] != alignment.shape[1] || alignment.shape[0] == 0)
            throw new ShapeException($"Topic alignment takes activations [n, F], embeddings [n, e] and [m, e]; got [{string.Join(", ", activations.shape)}], [{string.Join(", ", reference.shape)}], [{string.Join(", ", alignment.shape)}].");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var cosines = nn.functional.normalize(reference.to(float64)).matmul(nn.functional.normalize(alignment.to(float64)).t());
        // Distances of unit vectors; rounding must not make an example differ from itself, also where its embedding was computed in two passes of
        // different sizes: those differ by some units in the last place of their type.
        var rounding = Math.Max(Rounding(reference.dtype), Rounding(alignment.dtype));
        var distances = (2 - cosines.max(1).values * 2).clamp(min: 0).sqrt();
        distances = distances.masked_fill(distances.lt(rounding), 0);
        var weights = activations.to(float64);
        var sums = Exact(weights.sum(0L));
        var raw = Exact(weights.t().matmul(distances.square()));
        double[] means = [.. raw.Zip(sums, (value, sum) => sum > 0 ? value / sum : double.NaN)];
        var alive = means.Where(mean => !double.IsNaN(mean)).ToList();
        if (alive.Count == 0) throw new OptionsException("No feature fires on the reference examples: take others.");
        var (least, span) = (alive.Min(), alive.Max() - alive.Min());
        return new TopicAlignment([.. means.Select(mean => double.IsNaN(mean) ? double.NaN : span > 0 ? 1 - (mean - least) / span : 1)], Exact(distances), (double)alive.Count / means.Length);
    }

    /// <summary>The features nearest to the topic, the nearest first.</summary>
    public IReadOnlyList<int> Top(int count) => [.. Enumerable.Range(0, Scores.Count).Where(k => !double.IsNaN(Scores[k])).OrderByDescending(k => Scores[k]).ThenBy(k => k).Take(count)];

    /// <summary>
    /// Codes steered by the scores. Weighting multiplies pre-activations by them; swapping only lets them choose which k features fire and leaves those features the
    /// values that they had. Features that were never seen count as 0.
    /// </summary>
    /// <param name="pre">Pre-activations, [n, F].</param>
    /// <param name="k">How many features of a row fire.</param>
    /// <param name="swap">Swap rather than weight.</param>
    /// <returns>[n, F]; the caller (or its scope) disposes it.</returns>
    public Tensor Steered(Tensor pre, int k, bool swap = true)
    {
        ArgumentNullException.ThrowIfNull(pre);
        if (pre.ndim != 2 || pre.shape[1] != Scores.Count || k < 1 || k > Scores.Count) throw new ShapeException($"Pre-activations [n, {Scores.Count}] and between 1 and {Scores.Count} active features are needed; got [{string.Join(", ", pre.shape)}] and {k}.");
        using var scope = NewDisposeScope();
        var scores = tensor([.. Scores.Select(score => double.IsNaN(score) ? 0f : (float)score)], [Scores.Count]).to(pre.dtype, pre.device);
        var weighted = (pre * scores).relu();
        var (values, places) = weighted.topk(k, dim: 1);
        var kept = swap ? pre.relu().gather(1, places) * values.gt(0).to(pre.dtype) : values;
        return pre.zeros_like().scatter(1, places, kept).MoveToOuterDisposeScope();
    }

    private static double Rounding(ScalarType type) => type switch
    {
        ScalarType.Float64 => 1e-7,
        ScalarType.Float32 => 1e-5,
        _ => 1e-2,
    };

    private static double[] Exact(Tensor values) => values.cpu().data<double>().ToArray();
}
