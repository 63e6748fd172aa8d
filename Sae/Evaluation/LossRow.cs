namespace Prisma.Sae;

/// <summary>A loss, or a distance from the plain pass, with a coder spliced in. Means over items, not over batches.</summary>
/// <param name="Name">What is measured.</param>
/// <param name="Items">Pictures, texts or tokens.</param>
/// <param name="Clean">Of the plain pass; 0 for a distance.</param>
/// <param name="Spliced">With the coder's prediction in place of the value.</param>
/// <param name="Zero">With zeros there.</param>
/// <param name="Mean">With the mean over the data there; NaN where no mean was given.</param>
public sealed record LossRow(string Name, long Items, double Clean, double Spliced, double Zero, double Mean)
{
    // Below this the two ends of the scale are too close for a position between them to mean anything.
    private const double SmallestScale = 1e-3;

    /// <summary>(zero − spliced) / (zero − clean): 1 where nothing is lost, 0 where the coder is no better than zeros. NaN where zeros hardly matter.</summary>
    public double Recovered => Share(Zero);

    /// <summary>The same against the mean.</summary>
    public double RecoveredFromMean => Share(Mean);

    /// <summary>100·(zero − spliced) / (zero − clean + 1e-6), ViT-Prisma's formula.</summary>
    public double RecoveredPrismaCompat => 100 * (Zero - Spliced) / (Zero - Clean + 1e-6);

    private double Share(double without) => Math.Abs(without - Clean) < SmallestScale ? double.NaN : (without - Spliced) / (without - Clean);
}
