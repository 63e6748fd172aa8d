namespace Prisma.Sae;

/// <summary>Options of cross-layer transcoders.</summary>
public sealed record CrossLayerOptions : TrainedOptions
{
    /// <summary>Nothing is subtracted from the inputs.</summary>
    public CrossLayerOptions() => InputBias = BiasUse.None;

    /// <summary>λ: weight of Σ tanh(c · f · ‖W_dec‖), the length taken over all layers that a feature writes to.</summary>
    public double Sparsity { get; init; } = 1;

    /// <summary>c.</summary>
    public double TanhScale { get; init; } = 4;

    /// <summary>Weight of Σ ReLU(θ − pre)·‖W_dec‖, which gives silent features a gradient; 0 leaves it out.</summary>
    public double PreActivation { get; init; } = 3e-6;

    /// <summary>Width ε of the window in which thresholds feel the loss.</summary>
    public double Bandwidth { get; init; } = 1;

    /// <summary>Where thresholds start.</summary>
    public double StartThreshold { get; init; } = 0.03;

    /// <summary>Whether features write to later layers too; without it each layer has a transcoder of its own.</summary>
    public bool WritesAcross { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (shape.Inputs.Count != shape.Outputs.Count || shape.Inputs.Distinct().Count() != 1 || shape.Outputs.Distinct().Count() != 1)
            faults.Add($"it reads {shape.Inputs.Count} and writes {shape.Outputs.Count} places: there must be one of each per layer, all of one width");
        if (InputBias != BiasUse.None || InputNorm != InputNorm.None || Skip) faults.Add("input_bias, input_norm and skip are not built for cross-layer transcoders");
        if (!(Sparsity >= 0)) faults.Add($"sparsity = {Sparsity} must not be negative");
        if (!(TanhScale > 0)) faults.Add($"tanh_scale = {TanhScale} must be above 0");
        if (!(PreActivation >= 0)) faults.Add($"pre_activation = {PreActivation} must not be negative");
        if (!(Bandwidth > 0)) faults.Add($"bandwidth = {Bandwidth} must be above 0");
        if (!(StartThreshold > 0)) faults.Add($"start_threshold = {StartThreshold} must be above 0");
    }
}
