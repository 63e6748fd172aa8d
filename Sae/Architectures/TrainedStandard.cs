using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the standard architecture in training.</summary>
public record StandardOptions : TrainedOptions
{
    /// <summary>Weight of the penalty on activity.</summary>
    public double L1 { get; init; } = 5;

    /// <summary>p of Σ f^p.</summary>
    public double Norm { get; init; } = 1;

    /// <summary>
    /// Whether activity counts by what it writes, Σ f·‖W_dec‖ (Anthropic, April 2024): then decoder rows may have any length. Otherwise their
    /// length must be fixed.
    /// </summary>
    public bool WeighsByLength { get; init; } = true;

    /// <summary>What is done with pre-activations.</summary>
    public StandardActivation Activation { get; init; } = StandardActivation.Relu;

    /// <summary>Dead features also learn the error through exp(pre) (Anthropic, January 2024).</summary>
    public bool GhostGradients { get; init; }

    /// <summary>Dead features are set anew every so many steps; 0 never (Anthropic, 2023).</summary>
    public long ResampleEvery { get; init; }

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (!(L1 >= 0)) faults.Add($"l1 = {L1} must not be negative");
        if (!(Norm > 0)) faults.Add($"norm = {Norm} must be above 0");
        if (ResampleEvery < 0) faults.Add($"resample_every = {ResampleEvery} must not be negative");
        if (ResampleEvery > 0 && shape.Width != shape.OutputWidth) faults.Add("resample_every needs equal widths in and out");
    }
}

/// <summary>
/// One hidden layer, f = σ(p·W_enc + b_enc), and a penalty on its activity: loss + λ·Σ f (rows of fixed length) or λ·Σ f·‖W_dec‖ (free length).
/// "Towards Monosemanticity" (2023) and the Transformer Circuits updates of January and April 2024.
/// </summary>
[TrainedArchitecture("standard")]
public class TrainedStandard(CoderShape shape, StandardOptions options, long seed) : TrainableCoder(shape, options, seed)
{
    /// <inheritdoc/>
    public override string Frozen => "standard";

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var normed = Normed(batch.Inputs);
        var pre = Products(normed) + EncoderBias;
        var codes = StandardCoder.Apply(pre, options.Activation);
        var prediction = Complete(codes.matmul(Decoder) + Bias, normed, batch.Inputs);
        step.Dead.Note(codes);
        var weighed = options.WeighsByLength ? codes * WrittenLengths() : codes;
        List<LossTerm> terms =
        [
            new("reconstruction", Distance(prediction, batch.Targets)),
            Charge(weighed, step),
            new("error_norm", (prediction.detach() - batch.Targets).norm(-1).mean(), 0),
        ];
        if (options.GhostGradients) terms.Add(new("ghost", Ghost(pre, prediction, batch.Targets, step.Dead.Mask)));
        return terms;
    }

    /// <inheritdoc/>
    public override void AfterStep(TrainRows batch, StepInfo step, ICoderMoments moments)
    {
        ArgumentNullException.ThrowIfNull(step);
        ArgumentNullException.ThrowIfNull(moments);
        if (options.ResampleEvery > 0 && (step.Step + 1) % options.ResampleEvery == 0) Resampling.Run(this, batch, step, moments);
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new StandardCoder(card, CopyWeights(), options.Activation);

    /// <summary>The penalty on activity [n, F], weighed by length where that is asked for.</summary>
    private protected virtual LossTerm Charge(Tensor activity, StepInfo step) =>
        new("sparsity", activity.norm(-1, p: (float)options.Norm).mean(), options.L1 * step.Sparsity);

    // Without dead features this is a constant of the reconstruction loss's size, as in the reference.
    // What dead features would write if exp(pre) were their activity, at half the error's length, is pulled towards the error; every
    // number of it is given the size of the reconstruction loss.
    private Tensor Ghost(Tensor pre, Tensor prediction, Tensor target, Tensor dead)
    {
        var places = dead.nonzero().squeeze(1);
        var error = (target - prediction).detach();
        var written = pre.index_select(1, places).exp().matmul(Decoder.index_select(0, places));
        var length = error.norm(-1, keepdim: true) / (written.norm(-1, keepdim: true).detach() * 2 + 1e-6);
        var spread = (error - error.mean([0], keepdim: true)).norm(-1, keepdim: true);
        var each = (written * length - error).square() / spread;
        return (each * (Distance(prediction, target).detach() / (each.detach() + 1e-6))).mean();
    }
}
