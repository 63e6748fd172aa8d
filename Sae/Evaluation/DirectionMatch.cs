using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>How well the directions of a dictionary match known ones, or those of another dictionary. Cosines are signed: a feature that points the other way is no match.</summary>
public static class DirectionMatch
{
    private const long RowsAtOnce = 1024;

    /// <summary>For every wanted direction [n, d], the largest cosine with a row of a dictionary [F, d].</summary>
    /// <exception cref="ShapeException">The widths differ.</exception>
    public static double[] MaxCosines(Tensor wanted, Tensor dictionary)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(dictionary);
        if (wanted.ndim != 2 || dictionary.ndim != 2 || wanted.shape[1] != dictionary.shape[1] || dictionary.shape[0] == 0)
            throw new ShapeException($"Directions [{string.Join(", ", wanted.shape)}] cannot be matched with [{string.Join(", ", dictionary.shape)}]; [n, d] and [F, d] are needed.");
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var known = nn.functional.normalize(dictionary.to(float64)).t();
        var best = new List<double>();
        for (long start = 0; start < wanted.shape[0]; start += RowsAtOnce)
        {
            using var piece = NewDisposeScope();
            var rows = nn.functional.normalize(wanted.narrow(0, start, Math.Min(RowsAtOnce, wanted.shape[0] - start)).to(float64));
            best.AddRange(rows.matmul(known).amax([1L]).cpu().data<double>());
        }
        return [.. best];
    }

    /// <summary>Mean max cosine similarity: the mean of <see cref="MaxCosines"/>. Not symmetric.</summary>
    public static double MeanMaxCosine(Tensor wanted, Tensor dictionary) => MaxCosines(wanted, dictionary) is { Length: > 0 } found
        ? found.Average()
        : throw new ShapeException("There are no directions to match.");

    /// <summary>Decoder MMCS of two coders: the mean over both ways of <see cref="MeanMaxCosine"/>, so that it does not depend on their order.</summary>
    public static double BetweenCoders(ISparseCoder a, ISparseCoder b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        return (MeanMaxCosine(a.Directions, b.Directions) + MeanMaxCosine(b.Directions, a.Directions)) / 2;
    }

    /// <summary>The share of wanted directions that some row matches with at least this cosine.</summary>
    public static double Recovered(Tensor wanted, Tensor dictionary, double cosine = 0.9) =>
        MaxCosines(wanted, dictionary).Average(value => value >= cosine ? 1.0 : 0.0);
}
