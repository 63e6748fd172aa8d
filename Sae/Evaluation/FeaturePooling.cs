using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>How the codes of an example's tokens become one row.</summary>
public enum Pooling
{
    /// <summary>The mean over the tokens.</summary>
    Mean,
    /// <summary>The highest value of any token.</summary>
    Max,
    /// <summary>The first token: the class token of many vision models.</summary>
    First,
    /// <summary>The last token: what language models predict from.</summary>
    Last,
    /// <summary>On how many tokens the feature is among the five largest (MOSAIC).</summary>
    TopCounts,
}

/// <summary>Pools codes over tokens and binarises them, as features of classifiers that can be read (MOSAIC, Gallifant et al. 2025).</summary>
public static class FeaturePooling
{
    /// <summary>Features of a token that <see cref="Pooling.TopCounts"/> counts.</summary>
    public const int TopOfToken = 5;

    /// <summary>One row per example, [n, F]. The caller (or its scope) disposes it.</summary>
    /// <param name="codes">Codes of all tokens, example after example. Borrowed.</param>
    /// <param name="tokens">Tokens of an example.</param>
    /// <param name="pooling">How.</param>
    /// <exception cref="ShapeException">The rows are no whole examples.</exception>
    public static Tensor Of(Codes codes, int tokens, Pooling pooling)
    {
        ArgumentNullException.ThrowIfNull(codes);
        if (tokens < 1 || codes.Rows % tokens != 0) throw new ShapeException($"{codes.Rows} rows are no whole number of examples of {tokens} tokens.");
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        var dense = codes.ToDense().view(codes.Rows / tokens, tokens, codes.Features);
        var pooled = pooling switch
        {
            Pooling.Mean => dense.mean([1]),
            Pooling.Max => dense.amax(1),
            Pooling.First => dense.select(1, 0).clone(),
            Pooling.Last => dense.select(1, tokens - 1).clone(),
            _ => Counts(dense),
        };
        return pooled.MoveToOuterDisposeScope();
    }

    /// <summary>1 where a pooled value is at least the threshold (by default: where it is not 0), 0 elsewhere. Doing it twice changes nothing.</summary>
    public static Tensor Binarised(Tensor pooled, double threshold = 0)
    {
        ArgumentNullException.ThrowIfNull(pooled);
        using var scope = NewDisposeScope();
        return (threshold > 0 ? pooled.ge(threshold) : pooled.gt(0)).to(pooled.dtype).MoveToOuterDisposeScope();
    }

    // A token with fewer active features counts only those.
    private static Tensor Counts(Tensor dense)
    {
        var (values, places) = dense.topk((int)Math.Min(TopOfToken, dense.shape[2]), dim: 2);
        return dense.zeros_like().scatter(2, places, values.gt(0).to(dense.dtype)).sum(1L);
    }
}
