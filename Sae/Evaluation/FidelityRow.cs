namespace Prisma.Sae;

/// <summary>How well a coder explains one group of tokens.</summary>
public sealed record FidelityRow
{
    /// <summary>The group: <c>all</c>, <c>cls</c>, <c>spatial</c>.</summary>
    public required string Tokens { get; init; }

    /// <summary>How many vectors were measured.</summary>
    public required long Count { get; init; }

    /// <summary>L0: features that are not zero, mean per vector.</summary>
    public required double L0 { get; init; }

    /// <summary><c>ev.global</c> = 1 − Σ‖e‖² / Σ‖x − x̄‖², x̄ the mean of this group: the product's explained variance.</summary>
    public required double ExplainedVariance { get; init; }

    /// <summary><c>ev.centred_residual</c> = 1 − Σ Var(e) / Σ Var(x): as above with the mean error forgiven.</summary>
    public required double CentredResidual { get; init; }

    /// <summary><c>ev.token_ratio</c> = mean of 1 − ‖e‖² / ‖x − x̄‖² per vector, x̄ the mean of its batch: what ViT-Prisma publishes.</summary>
    public required double TokenRatio { get; init; }

    /// <summary>Mean cosine of vector and prediction.</summary>
    public required double Cosine { get; init; }

    /// <summary>Mean squared error per element.</summary>
    public required double Mse { get; init; }

    internal static FidelityRow Of(MetricRow row) => new()
    {
        Tokens = row.Tokens,
        Count = row.Count,
        L0 = row[MetricName.L0],
        ExplainedVariance = row[MetricName.Global],
        CentredResidual = row[MetricName.CentredResidual],
        TokenRatio = row[MetricName.TokenRatio],
        Cosine = row[MetricName.Cosine],
        Mse = row[MetricName.MseElement],
    };
}
