using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// How many features two dictionaries of the same size share (Paulo and Belrose 2025): the best assignment by decoder rows and the best by
/// encoder rows are found apart; a feature is shared if both give it the same partner and both cosines reach a threshold.
/// </summary>
/// <param name="Partner">For each feature of the first dictionary its partner by decoder rows.</param>
/// <param name="Cosines">The decoder cosine with that partner.</param>
/// <param name="Shared">Whether the feature is shared.</param>
/// <param name="BestCosines">The largest decoder cosine with any feature of the second dictionary.</param>
public sealed record SeedOverlap(IReadOnlyList<int> Partner, IReadOnlyList<double> Cosines, IReadOnlyList<bool> Shared, IReadOnlyList<double> BestCosines)
{
    private const int Most = 8192;

    /// <summary>The share of features that are shared.</summary>
    public double Share => Shared.Average(shared => shared ? 1.0 : 0);

    /// <summary>The mean decoder cosine of partners.</summary>
    public double MeanCosine => Cosines.Average();

    /// <summary>Compares two coders.</summary>
    /// <param name="one">The first. Borrowed.</param>
    /// <param name="other">The second. Borrowed.</param>
    /// <param name="threshold">What both cosines must reach.</param>
    /// <exception cref="ShapeException">Sizes differ, or there are more features than the assignment can take.</exception>
    public static SeedOverlap Of(ISparseCoder one, ISparseCoder other, double threshold = 0.7)
    {
        CheckAlike(one, other);
        var (decoders, encoders) = (Cosine(one.Directions, other.Directions), Cosine(one.Detectors, other.Detectors));
        var (byDecoder, byEncoder) = (Assignment.OfLargest(decoders), Assignment.OfLargest(encoders));
        var all = Enumerable.Range(0, byDecoder.Length);
        return new SeedOverlap(byDecoder, [.. all.Select(k => decoders[k, byDecoder[k]])],
            [.. all.Select(k => byDecoder[k] == byEncoder[k] && decoders[k, byDecoder[k]] >= threshold && encoders[k, byEncoder[k]] >= threshold)],
            [.. all.Select(k => all.Max(j => decoders[k, j]))]);
    }

    internal static void CheckAlike(ISparseCoder one, ISparseCoder other)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(other);
        if ((one.Card.Features, one.Card.Inputs, one.Card.Outputs) != (other.Card.Features, other.Card.Inputs, other.Card.Outputs))
            throw new ShapeException($"{one.Card.Name} maps {one.Card.Inputs} → {one.Card.Features} → {one.Card.Outputs}, {other.Card.Name} {other.Card.Inputs} → {other.Card.Features} → {other.Card.Outputs}; both must be alike.");
        if (one.Card.Features > Most) throw new ShapeException($"Assigning {one.Card.Features} features takes time with their third power; at most {Most} are compared.");
    }

    // A square matrix of managed numbers.
    internal static double[,] Square(Tensor matrix)
    {
        var (values, size) = (Numbers.Of(matrix), (int)matrix.shape[0]);
        var table = new double[size, size];
        for (var k = 0; k < values.Length; k++) table[k / size, k % size] = values[k];
        return table;
    }

    private static double[,] Cosine(Tensor one, Tensor other)
    {
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        return Square(nn.functional.normalize(one).matmul(nn.functional.normalize(other).t()));
    }
}
