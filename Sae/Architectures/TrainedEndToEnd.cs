using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the end-to-end architecture.</summary>
public sealed record EndToEndOptions : TrainedOptions
{
    /// <summary>Nothing is subtracted from the input, the bias starts at zero, and the reconstruction counts per number, as in the paper's code.</summary>
    public EndToEndOptions()
    {
        InputBias = BiasUse.None;
        Reconstruction = ReconstructionLoss.Mse;
        Start = new StartOptions { Bias = StartBias.Zero };
    }

    /// <summary>Weight of the change of the model's output: KL(plain ‖ with the prediction).</summary>
    public double Output { get; init; } = 1;

    /// <summary>Weight of the reconstruction at the place itself; 0 leaves the coder free.</summary>
    public double Local { get; init; }

    /// <summary>φ: weight of ‖f‖ₚ / d_in.</summary>
    public double Sparsity { get; init; } = 1.5;

    /// <summary>p of that norm.</summary>
    public double Norm { get; init; } = 1;

    /// <summary>Patterns of later places that should keep their values (e2e + downstream); none by default.</summary>
    public IReadOnlyList<string> Later { get; init; } = [];

    /// <summary>β: weight of the mean squared change at the later places, shared among them.</summary>
    public double LaterWeight { get; init; } = 2.5;

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (!(Output >= 0)) faults.Add($"output = {Output} must not be negative");
        if (!(Local >= 0)) faults.Add($"local = {Local} must not be negative");
        if (!(Sparsity >= 0)) faults.Add($"sparsity = {Sparsity} must not be negative");
        if (!(Norm > 0)) faults.Add($"norm = {Norm} must be above 0");
        if (!(LaterWeight >= 0)) faults.Add($"later_weight = {LaterWeight} must not be negative");
        if (shape.Outputs.Count > 1) faults.Add($"it writes {shape.Outputs.Count} places; its prediction must stand in for the value at one");
    }

    internal override string? Missing(bool gradients, bool model) => model || (Output == 0 && Later.Count == 0)
        ? null
        : "end-to-end coders run their model on from their place; name it with --model and --downstream";
}

/// <summary>
/// Trained for what the model does with its prediction: KL(plain ‖ with the prediction) + φ·‖f‖ₚ/d_in [+ β · mean squared change at later places]. Decoder rows
/// count by their direction. "Identifying Functionally Important Features with End-to-End Sparse Dictionary Learning" (Braun et al. 2024).
/// </summary>
[TrainedArchitecture("end_to_end")]
public sealed class TrainedEndToEnd(CoderShape shape, EndToEndOptions options, long seed) : TrainableCoder(shape, options, seed)
{
    /// <inheritdoc/>
    public override string Frozen => "standard";

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var normed = Normed(batch.Inputs);
        var codes = (Products(normed) + EncoderBias).relu();
        var prediction = Complete(codes.matmul(nn.functional.normalize(Decoder)) + Bias, normed, batch.Inputs);
        step.Dead.Note(codes);
        List<LossTerm> terms =
        [
            new("reconstruction", Distance(prediction, batch.Targets), options.Local),
            new("sparsity", codes.norm(-1, p: (float)options.Norm).mean() / Shape.Width, options.Sparsity * step.Sparsity),
        ];
        if (options.Output == 0 && options.Later.Count == 0) return terms;
        var (output, later) = (batch.Onward ?? throw new OptionsException("End-to-end training needs rows that come with their model.")).Run(prediction, options.Later);
        terms.Add(new LossTerm("output", output.to(float32), options.Output));
        if (later.Count > 0) terms.Add(new LossTerm("later", stack(later).mean(), options.LaterWeight));
        return terms;
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card)
    {
        var lengths = Decoder.norm(1).clamp_min(1e-12);
        return new StandardCoder(card, CopyWeights().ScaleDecoder(lengths.reciprocal()));
    }
}
