namespace Prisma.Sae;

/// <summary>What the options of all architectures share. Records, so that a preset can be changed by <c>with</c>; JSON names are snake_case.</summary>
public record TrainedOptions
{
    /// <summary>What is subtracted from the input.</summary>
    public BiasUse InputBias { get; init; } = BiasUse.Tied;

    /// <summary>What is done to each input vector and undone on the prediction.</summary>
    public InputNorm InputNorm { get; init; } = InputNorm.None;

    /// <summary>How the error becomes a number.</summary>
    public ReconstructionLoss Reconstruction { get; init; } = ReconstructionLoss.Sse;

    /// <summary>The factor of <see cref="ReconstructionLoss.ScaledMse"/>; null takes it from the first data.</summary>
    public double? MseScale { get; init; }

    /// <summary>Whether the raw input goes to the output through a linear map as well: a skip transcoder.</summary>
    public bool Skip { get; init; }

    /// <summary>Where training starts.</summary>
    public StartOptions Start { get; init; } = new();

    /// <summary>What the architecture needs of every batch and does not get, as a sentence; null where nothing is missing.</summary>
    /// <param name="gradients">Whether gradients of the model's loss come with the rows.</param>
    /// <param name="model">Whether the model can be run on from the coder's place.</param>
    internal virtual string? Missing(bool gradients, bool model) => null;

    /// <summary>Adds what does not work to the list, with the options' JSON names.</summary>
    /// <param name="shape">The coder's sizes.</param>
    /// <param name="faults">The list.</param>
    public virtual void Validate(CoderShape shape, IList<string> faults)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(faults);
        if (InputBias == BiasUse.Tied && shape.Width != shape.OutputWidth)
            faults.Add($"input_bias \"tied\" needs equal widths in and out; they are {shape.Width} and {shape.OutputWidth}: use \"none\"");
        if (InputNorm != InputNorm.None && shape.Width != shape.OutputWidth) faults.Add("input_norm needs equal widths in and out: it is undone with the input's own statistics");
        if (MseScale is { } scale && !(scale > 0)) faults.Add($"mse_scale = {scale} must be above 0");
        if (!(Start.DecoderNorm > 0)) faults.Add($"start.decoder_norm = {Start.DecoderNorm} must be above 0");
    }
}
