namespace Prisma.Circuits;

/// <summary>A patch whose vector is far longer than others'.</summary>
/// <param name="Picture">Which of the pictures.</param>
/// <param name="Row">Its row on the grid.</param>
/// <param name="Column">Its column.</param>
/// <param name="Norm">The length of its vector.</param>
public readonly record struct OutlierToken(int Picture, int Row, int Column, double Norm);

/// <summary>The patches of unusual norm that leave a block, see <see cref="OutlierTokens"/>.</summary>
public sealed record BlockOutliers
{
    /// <summary>The block.</summary>
    public required int Layer { get; init; }

    /// <summary>How many patches were looked at, over all pictures.</summary>
    public required int Patches { get; init; }

    /// <summary>The median norm of a patch.</summary>
    public required double Median { get; init; }

    /// <summary>The norm above which a patch counts.</summary>
    public required double Threshold { get; init; }

    /// <summary>The outliers, by picture, row and column.</summary>
    public required IReadOnlyList<OutlierToken> Tokens { get; init; }

    /// <summary>Mean attention that an outlier gets in the next block, over heads and queries (sinks get much); null where there is no outlier or no such pattern.</summary>
    public required double? Attention { get; init; }

    /// <summary>The same of the other patches.</summary>
    public required double? UsualAttention { get; init; }

    /// <summary>Mean cosine of an outlier with the class token; null where there is no outlier or no class token.</summary>
    public required double? Cosine { get; init; }

    /// <summary>The same of the other patches.</summary>
    public required double? UsualCosine { get; init; }

    /// <summary>The share of patches that are outliers.</summary>
    public double Share => (double)Tokens.Count / Patches;
}
