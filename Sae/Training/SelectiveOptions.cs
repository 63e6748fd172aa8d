namespace Prisma.Sae;

/// <summary>Options that all architectures share which keep some features and set the others to zero.</summary>
public record SelectiveOptions : TrainedOptions
{
    /// <summary>Features per row: exactly or on average, as the architecture says.</summary>
    public double K { get; init; } = 32;

    /// <summary>
    /// Whether features are ranked by the length they write, pre·‖W_dec‖, rather than by their pre-activation: then decoder rows may have any
    /// length (SAELens, Llama Scope).
    /// </summary>
    public bool RanksByLength { get; init; }

    /// <summary>Whether the encoder's bias is used; the original code of BatchTopK leaves it out.</summary>
    public bool EncoderBias { get; init; } = true;

    /// <summary>How dead features learn.</summary>
    public AuxOptions Aux { get; init; } = new();

    /// <summary>How the threshold for single rows is found.</summary>
    public ThresholdOptions Threshold { get; init; } = new();

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (!(K > 0) || K > shape.Features) faults.Add($"k = {K} must be above 0 and at most the number of features, {shape.Features}");
        if (!(Aux.Weight >= 0)) faults.Add($"aux.weight = {Aux.Weight} must not be negative");
        if (Aux.K is { } k && (k < 1 || k > shape.Features)) faults.Add($"aux.k = {k} must be between 1 and the number of features, {shape.Features}");
        if (!(Threshold.Rate > 0 && Threshold.Rate <= 1)) faults.Add($"threshold.rate = {Threshold.Rate} must be above 0 and at most 1");
    }
}
