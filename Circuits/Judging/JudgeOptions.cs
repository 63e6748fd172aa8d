using Prisma.Core;

namespace Prisma.Circuits;

/// <summary>How methods are judged.</summary>
public sealed record JudgeOptions
{
    /// <summary>The methods' options; geometries come from the pictures.</summary>
    public AttributionOptions Attribution { get; init; } = new();

    /// <summary>Tolerance of the second pointing game in pixels of the original; null: the usual 15 pixels on pictures of 224, scaled to their shorter side.</summary>
    public double? Tolerance { get; init; }

    /// <summary>Whether deletion and insertion curves are followed: two further sets of passes per picture and method.</summary>
    public bool Curves { get; init; }

    /// <summary>
    /// Whether ROAD, comprehensiveness, sufficiency and sensitivity-n are measured too: a curve, ten passes and some hundreds of passes per
    /// picture and method.
    /// </summary>
    public bool Faithfulness { get; init; }

    /// <summary>Random sets of each size for sensitivity-n.</summary>
    public int Subsets { get; init; } = 100;

    /// <summary>Steps of the curves, at most.</summary>
    public int CurveSteps { get; init; } = 32;

    /// <summary>Pictures explained in one pass.</summary>
    public int Batch { get; init; } = 16;

    /// <summary>How many passes curves and faithfulness take for each picture and method, beside the method's own: for estimates of time.</summary>
    public int Passes(TokenLayout layout)
    {
        ArgumentNullException.ThrowIfNull(layout);
        // Each measure asks about the unchanged picture first.
        var curve = Math.Min(CurveSteps, layout.GridTokens) + 2;
        var sizes = (int)Math.Ceiling(Math.Log2(layout.GridTokens));
        return (Curves ? 2 * curve : 0) + (Faithfulness ? curve + 11 + Subsets * sizes + 1 : 0);
    }
}
