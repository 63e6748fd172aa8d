using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Feature absorption (Chanin et al. 2024, in SAEBench's form), for any labelled concept: the features of the concept stay silent on some
/// examples because a more specific feature has swallowed it. Examples are those of the concept that a linear probe on the activations finds.
/// </summary>
public static class Absorption
{
    private const int Absorbers = 3;
    private const double AbsorberCosine = 0.1, FullCosine = 0.025, SmallestShare = 0.4, Silent = 1e-8;

    /// <summary>Measures absorption on examples that show the concept.</summary>
    /// <param name="x">Activations of the examples [n, d].</param>
    /// <param name="codes">Their codes [n, F].</param>
    /// <param name="directions">What features write [F, d]; scaled to length 1 here, and the codes in return.</param>
    /// <param name="probe">The concept's probe on activations; examples that it misses are left out.</param>
    /// <param name="main">The concept's own features, such as <see cref="SplitFeatures.Find"/>.</param>
    /// <exception cref="ShapeException">Sizes do not fit.</exception>
    /// <exception cref="OptionsException">A main feature does not exist, or the probe's direction is zero.</exception>
    public static AbsorptionScore Measure(Tensor x, Tensor codes, Tensor directions, LinearProbe probe, IReadOnlyList<int> main)
    {
        Check(x, codes, directions, probe, main);
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var found = probe.Scores(x);
        var lengths = directions.to(float64).norm(1);
        var w = nn.functional.normalize(tensor([.. probe.Weights], [1L, probe.Weights.Count])).squeeze(0);
        var cosines = (directions.to(float64).matmul(w) / lengths.clamp_min(1e-300)).data<double>().ToArray();
        var projections = (codes.to(float64) * lengths).contiguous().data<double>().ToArray();
        var along = x.to(float64).matmul(w).data<double>().ToArray();
        var own = main.ToHashSet();
        var (examples, partly, fully) = (0, 0.0, 0);
        var absorbed = new List<int>();
        for (var row = 0; row < found.Length; row++)
        {
            if (found[row] <= 0) continue;
            examples++;
            var one = new Example(projections.AsMemory(row * cosines.Length, cosines.Length), cosines, own, along[row]);
            var share = one.Share();
            partly += share;
            if (share > 0) absorbed.Add(row);
            if (one.Full()) fully++;
        }
        return examples == 0
            ? new AbsorptionScore(0, double.NaN, double.NaN, main, [])
            : new AbsorptionScore(examples, partly / examples, (double)fully / examples, main, absorbed);
    }

    private static void Check(Tensor x, Tensor codes, Tensor directions, LinearProbe probe, IReadOnlyList<int> main)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(codes);
        ArgumentNullException.ThrowIfNull(directions);
        ArgumentNullException.ThrowIfNull(probe);
        ArgumentNullException.ThrowIfNull(main);
        if (x.ndim != 2 || codes.ndim != 2 || directions.ndim != 2 || x.shape[0] != codes.shape[0] || codes.shape[1] != directions.shape[0] || x.shape[1] != directions.shape[1])
            throw new ShapeException(
                $"Absorption: activations [{string.Join(", ", x.shape)}], codes [{string.Join(", ", codes.shape)}], directions [{string.Join(", ", directions.shape)}]; [n, d], [n, F], [F, d] are needed.");
        if (main.Count == 0 || main.Any(feature => feature < 0 || feature >= codes.shape[1]))
            throw new OptionsException($"Absorption needs the concept's own features, 0 to {codes.shape[1] - 1}; given: {string.Join(", ", main)}.");
        if (probe.Weights.All(weight => weight == 0)) throw new OptionsException("Absorption: the probe's direction is zero, so it points nowhere.");
    }

    // p_i = z_i·cos(w, d_i): what feature i contributes along the concept's direction.
    private readonly record struct Example(ReadOnlyMemory<double> Codes, double[] Cosines, HashSet<int> Main, double Along)
    {
        internal double Share()
        {
            var main = MainSum();
            var absorbing = Absorbing();
            if (main >= Along || Along <= 0 || absorbing / Along < SmallestShare) return 0;
            if (main <= 0) return 1;
            var part = Math.Min(absorbing, Along - main);
            return part / (part + main);
        }

        internal bool Full()
        {
            var codes = Codes.Span;
            foreach (var feature in Main)
                if (codes[feature] >= Silent) return false;
            var (best, top) = (-1, double.NegativeInfinity);
            for (var k = 0; k < codes.Length; k++)
                if (codes[k] * Cosines[k] is var p && p > top) (best, top) = (k, p);
            return Along > 0 && Cosines[best] >= FullCosine && top / Along >= SmallestShare;
        }

        private double MainSum()
        {
            var sum = 0.0;
            foreach (var feature in Main) sum += Codes.Span[feature] * Cosines[feature];
            return sum;
        }

        private double Absorbing()
        {
            var parts = new List<double>();
            for (var k = 0; k < Cosines.Length; k++)
                if (Cosines[k] >= AbsorberCosine && Codes.Span[k] > 0 && !Main.Contains(k)) parts.Add(Codes.Span[k] * Cosines[k]);
            return parts.OrderDescending().Take(Absorbers).Sum();
        }
    }
}
