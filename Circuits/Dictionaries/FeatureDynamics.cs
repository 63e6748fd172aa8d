using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// A feature through a model's training (SAE-Track, Xu et al. 2024). Coders of later checkpoints are trained from the weights of the one before (<c>sae train --init</c>),
/// so that a number stays with its feature.
/// </summary>
/// <param name="Drift">[checkpoints, F]: cosine of the decoder row with that of the last checkpoint.</param>
/// <param name="PathLength">[F]: the sum of the row's steps from checkpoint to checkpoint.</param>
/// <param name="Displacement">[F]: from the first checkpoint straight to the last.</param>
public sealed record FeatureDynamics(double[,] Drift, IReadOnlyList<double> PathLength, IReadOnlyList<double> Displacement)
{
    /// <summary>Follows decoder rows.</summary>
    /// <param name="decoders">The decoder [F, d] of every checkpoint, in order; at least two.</param>
    /// <exception cref="ShapeException">They differ in shape, or there is but one.</exception>
    public static FeatureDynamics Of(IReadOnlyList<Tensor> decoders)
    {
        ArgumentNullException.ThrowIfNull(decoders);
        if (decoders.Count < 2 || decoders.Any(decoder => decoder.ndim != 2 || !decoder.shape.AsSpan().SequenceEqual(decoders[0].shape)))
            throw new ShapeException($"Features are followed over at least two checkpoints with decoders of one shape; got {string.Join(", ", decoders.Select(decoder => $"[{string.Join(", ", decoder.shape)}]"))}.");
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        var features = (int)decoders[0].shape[0];
        var drift = new double[decoders.Count, features];
        var path = new double[features];
        for (var t = 0; t < decoders.Count; t++)
        {
            var cosines = Numbers.Of((nn.functional.normalize(decoders[t]) * nn.functional.normalize(decoders[^1])).sum(1L));
            var step = t == 0 ? new float[features] : Numbers.Of((decoders[t] - decoders[t - 1]).norm(1));
            for (var k = 0; k < features; k++)
            {
                drift[t, k] = cosines[k];
                path[k] += step[k];
            }
        }
        return new FeatureDynamics(drift, path, [.. Numbers.Of((decoders[^1] - decoders[0]).norm(1)).Select(value => (double)value)]);
    }

    /// <summary>
    /// How far a feature has formed at a checkpoint: the mean similarity of different tokens among those that excite its last form most, minus that among random tokens.
    /// </summary>
    /// <param name="values">Values of all tokens at the checkpoint, [n, d]: activations, or codes.</param>
    /// <param name="top">The tokens that excite the feature most at the last checkpoint (25 as published).</param>
    /// <param name="random">Tokens drawn at random (100 as published).</param>
    /// <param name="jaccard">Σmin/Σmax in place of the cosine: for codes, which are not negative.</param>
    /// <exception cref="OptionsException">Fewer than two tokens of a kind, or one that is not there.</exception>
    public static double Progress(Tensor values, IReadOnlyList<int> top, IReadOnlyList<int> random, bool jaccard = false)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentNullException.ThrowIfNull(top);
        ArgumentNullException.ThrowIfNull(random);
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        double Alike(IReadOnlyList<int> tokens)
        {
            if (tokens.Count < 2 || tokens.Any(token => token < 0 || token >= values.shape[0])) throw new OptionsException($"At least two of {values.shape[0]} tokens are needed to compare; got {string.Join(", ", tokens)}.");
            var rows = values.index_select(0, tensor([.. tokens.Select(token => (long)token)], [tokens.Count]));
            var unit = nn.functional.normalize(rows);
            var alike = jaccard
                ? minimum(rows.unsqueeze(0), rows.unsqueeze(1)).sum(-1L) / maximum(rows.unsqueeze(0), rows.unsqueeze(1)).sum(-1L).clamp(min: 1e-30)
                : unit.matmul(unit.t());
            return (alike.sum() - alike.diagonal(0, 0, 1).sum()).item<float>() / (tokens.Count * (tokens.Count - 1.0));
        }
        return Alike(top) - Alike(random);
    }
}
