namespace Prisma.Sae;

/// <summary>
/// A metric under the one name that files and tables use for it. Several different quantities are called "explained variance"; here each has
/// its own name, and those that exist only to be compared with published numbers end in <c>_compat</c>.
/// </summary>
/// <param name="Name">As JSON and tables spell it.</param>
/// <param name="Formula">x: what was to be predicted, x̂: the prediction, e = x − x̂, z: the codes; means are over vectors unless said otherwise.</param>
/// <param name="Source">Who defines it so; empty where it is the usual meaning.</param>
public sealed record MetricDefinition(string Name, string Formula, string Source = "")
{
    /// <summary>All of them, in the order of tables.</summary>
    public static IReadOnlyList<MetricDefinition> All { get; } =
    [
        new(MetricName.L0, "mean number of features that are not zero"),
        new(MetricName.L1, "mean Σ|z|"),
        new(MetricName.Hoyer, "mean (√m − ‖z‖₁/‖z‖₂) / (√m − 1) over vectors that are not empty, m features: 1 where one is active, 0 where all are alike", "overcomplete"),
        new(MetricName.Kurtosis, "mean Σz⁴ / (Σz²)² over vectors that are not empty", "overcomplete"),
        new(MetricName.NormRatio, "mean ‖z‖₁ / ‖z‖₂ over vectors that are not empty", "overcomplete"),
        new(MetricName.Empty, "number of vectors without an active feature"),
        new(MetricName.Global, "1 − Σ‖e‖² / Σ‖x − x̄‖²"),
        new(MetricName.Fvu, "Σ‖e‖² / Σ‖x − x̄‖²"),
        new(MetricName.Mse, "mean ‖e‖²"),
        new(MetricName.MseElement, "mean e² over all elements"),
        new(MetricName.L2Loss, "mean ‖e‖", "dictionary_learning"),
        new(MetricName.Nmse, "Σ‖e‖² / Σ‖x‖²", "MSAE"),
        new(MetricName.Cosine, "mean cos(x, x̂)"),
        new(MetricName.L2Ratio, "mean ‖x̂‖ / ‖x‖; norms below 1e-4 count as 1", "SAELens"),
        new(MetricName.Bias, "E‖x̂‖² / E⟨x, x̂⟩; below 1 the coder shrinks", "Gated SAE paper, eq. 10"),
        new(MetricName.CentredResidual, "1 − Σ_j Var(e_j) / Σ_j Var(x_j)", "dictionary_learning: frac_variance_explained"),
        new(MetricName.TokenRatio, "mean of 1 − ‖e‖² / ‖x − x̄‖², x̄ the mean of the batch", "SAELens legacy, ViT-Prisma"),
        new(MetricName.SaeLens, "1 − mean‖e‖² / (s − (s/d)²), s = mean‖x‖²", "SAELens, SAEBench"),
        new(MetricName.PerDim, "mean over channels of 1 − Var(e_j) / (Var(x_j) + 1e-8); channels with Var(x_j) < 1e-10 left out", "sdxl-unbox"),
        new(MetricName.ScalarMean, "1 − mean(e²) / mean((x − μ)²), μ one mean of all elements", "overcomplete"),
        new(MetricName.Channel, "mean of Var_j(e_j) / Var_j(x_j), variance over the channels of one vector", "MSAE"),
        new(MetricName.Uncentred, "1 − Σ‖e‖² / Σ‖x‖²"),
        new(MetricName.CosineChannel, "mean over channels of the cosine along vectors", "ViT-Prisma"),
        new(MetricName.Zeros, "1 − L0 / number of features", "MSAE calls it L0"),
    ];
}
