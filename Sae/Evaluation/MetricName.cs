namespace Prisma.Sae;

/// <summary>Names of metrics; what each means is in <see cref="MetricDefinition.All"/>.</summary>
public static class MetricName
{
    /// <summary>Active features per vector.</summary>
    public const string L0 = "l0";

    /// <summary>Sum of absolute activations per vector.</summary>
    public const string L1 = "l1";

    /// <summary>Hoyer sparsity of a vector's codes.</summary>
    public const string Hoyer = "hoyer";

    /// <summary>Fourth moment of a vector's codes.</summary>
    public const string Kurtosis = "kappa4";

    /// <summary>Sum of absolute activations over their length.</summary>
    public const string NormRatio = "l1_l2_ratio";

    /// <summary>Vectors without an active feature.</summary>
    public const string Empty = "empty_rows";

    /// <summary>The product's explained variance: centred and global.</summary>
    public const string Global = "ev.global";

    /// <summary>Fraction of variance unexplained.</summary>
    public const string Fvu = "fvu";

    /// <summary>Squared error per vector.</summary>
    public const string Mse = "mse";

    /// <summary>Squared error per element.</summary>
    public const string MseElement = "mse_element";

    /// <summary>Length of the error per vector.</summary>
    public const string L2Loss = "l2_loss";

    /// <summary>Squared error relative to the squared length.</summary>
    public const string Nmse = "nmse";

    /// <summary>Cosine of vector and prediction.</summary>
    public const string Cosine = "cosine";

    /// <summary>Relative norm of the prediction.</summary>
    public const string L2Ratio = "l2_ratio";

    /// <summary>Relative reconstruction bias.</summary>
    public const string Bias = "relative_reconstruction_bias";

    /// <summary>Explained variance with the mean error forgiven.</summary>
    public const string CentredResidual = "ev.centred_residual_compat";

    /// <summary>Explained variance averaged per vector.</summary>
    public const string TokenRatio = "ev.token_ratio_compat";

    /// <summary>Explained variance as SAELens computes it.</summary>
    public const string SaeLens = "ev.saelens_compat";

    /// <summary>Explained variance averaged per channel.</summary>
    public const string PerDim = "ev.per_dim_compat";

    /// <summary>R² against one scalar mean.</summary>
    public const string ScalarMean = "r2.scalar_mean_compat";

    /// <summary>Unexplained variance over the channels of a vector.</summary>
    public const string Channel = "fvu.channel_compat";

    /// <summary>Explained variance without centring.</summary>
    public const string Uncentred = "ev.uncentred_compat";

    /// <summary>Cosine along vectors, per channel.</summary>
    public const string CosineChannel = "cosine.channel_compat";

    /// <summary>Share of zeros in the codes.</summary>
    public const string Zeros = "zeros_fraction_compat";
}
