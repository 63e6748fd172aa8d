using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>A heatmap with what must be known to read it. Managed memory only.</summary>
public sealed record AttributionMap
{
    /// <summary>The values on the token grid.</summary>
    public required Heatmap Heatmap { get; init; }

    /// <summary>The method's name.</summary>
    public required string Method { get; init; }

    /// <summary>What was explained; a class is named even where it was the model's choice.</summary>
    public required string Target { get; init; }

    /// <summary>The target's value on the unchanged picture; null for methods that ask for no target.</summary>
    public double? Score { get; init; }

    /// <summary>Where the values were read: a place, a range of places, or "pixels".</summary>
    public required string Place { get; init; }

    /// <summary>Whether negative values speak against the target; otherwise all values are ≥ 0 and only say how much.</summary>
    public required bool Signed { get; init; }

    /// <summary>Whether another target would give another map.</summary>
    public required bool UsesTarget { get; init; }

    /// <summary>What a value is, in one sentence.</summary>
    public required string Meaning { get; init; }

    /// <summary>What the reader should know about this very map: completeness, fallbacks, shares left out.</summary>
    public string Note { get; init; } = "";

    /// <summary>For methods whose values should sum to a difference of scores: that difference minus the sum; null for others.</summary>
    public double? Gap { get; init; }

    /// <summary>Pictures passed forward for this map.</summary>
    public long Forwards { get; init; } = 1;
}
