namespace Prisma.Sae;

/// <summary>How often features are meant to fire: the feature at rank r (by its running density, from 0) in proportion to 1/(r + 1 + offset)^exponent.</summary>
public sealed record ZipfOptions
{
    /// <summary>The exponent; 0 gives every feature the same.</summary>
    public double Exponent { get; init; } = 1;

    /// <summary>Flattens the top of the law.</summary>
    public double Offset { get; init; }

    /// <summary>Decay of the running density.</summary>
    public double Decay { get; init; } = 0.999;

    internal void Validate(IList<string> faults)
    {
        if (!(Exponent >= 0)) faults.Add($"zipf.exponent = {Exponent} must not be negative");
        if (!(Offset >= 0)) faults.Add($"zipf.offset = {Offset} must not be negative");
        if (!(Decay is >= 0 and < 1)) faults.Add($"zipf.decay = {Decay} must be in [0, 1)");
    }
}
