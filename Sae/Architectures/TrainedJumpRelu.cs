using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What a JumpReLU coder is charged for.</summary>
public enum JumpPenalty
{
    /// <summary>λ · number of active features, through a straight-through estimate (Rajamanoharan et al. 2024).</summary>
    Step,

    /// <summary>λ · (number of active features / target − 1)² (dictionary_learning).</summary>
    Target,

    /// <summary>λ · Σ tanh(c · f · ‖W_dec‖) (Anthropic, January 2025).</summary>
    Tanh,

    /// <summary>λ · Σ q·(1 + 100·q), q the mean over the batch of tanh(c · f · ‖W_dec‖): charges dense features more (OpenMOSS).</summary>
    TanhQuadratic,
}

/// <summary>Options of the JumpReLU architecture in training.</summary>
public sealed record JumpReluOptions : TrainedOptions
{
    /// <summary>Nothing is subtracted from the input by default, as in the paper.</summary>
    public JumpReluOptions() => InputBias = BiasUse.None;

    /// <summary>λ.</summary>
    public double L0 { get; init; } = 1;

    /// <summary>What is charged.</summary>
    public JumpPenalty Penalty { get; init; } = JumpPenalty.Step;

    /// <summary>The wanted number of active features, for <see cref="JumpPenalty.Target"/>.</summary>
    public double TargetL0 { get; init; } = 20;

    /// <summary>c of the tanh penalties.</summary>
    public double TanhScale { get; init; } = 4;

    /// <summary>Width ε of the window in which thresholds feel the loss.</summary>
    public double Bandwidth { get; init; } = 0.001;

    /// <summary>Where thresholds start.</summary>
    public double StartThreshold { get; init; } = 0.001;

    /// <summary>Whether the logarithm of the threshold is what is learned, which keeps it positive.</summary>
    public bool LogThreshold { get; init; } = true;

    /// <summary>Whether active features are counted on f rather than on the pre-activations (dictionary_learning).</summary>
    public bool CountsCodes { get; init; }

    /// <summary>Weight of Σ ReLU(θ − pre)·‖W_dec‖, which gives silent features a gradient; 0 leaves it out.</summary>
    public double PreActivation { get; init; }

    /// <summary>Whether that loss is for dead features only (SAELens) or for all (Anthropic).</summary>
    public bool PreActivationOfDead { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (!(L0 >= 0)) faults.Add($"l0 = {L0} must not be negative");
        if (!(Bandwidth > 0)) faults.Add($"bandwidth = {Bandwidth} must be above 0");
        if (!(StartThreshold > 0) && LogThreshold) faults.Add($"start_threshold = {StartThreshold} must be above 0 where its logarithm is learned");
        if (!(TargetL0 > 0)) faults.Add($"target_l0 = {TargetL0} must be above 0");
    }
}

/// <summary>
/// A threshold per feature, f = z·1[z &gt; θ]. With K(u) = 1[|u| &lt; ½] the thresholds feel ∂f/∂θ := −(θ/ε)·K((z − θ)/ε) and
/// ∂1[z &gt; θ]/∂θ := −(1/ε)·K((z − θ)/ε). "Jumping Ahead" (Rajamanoharan et al. 2024).
/// </summary>
[TrainedArchitecture("jumprelu")]
public sealed class TrainedJumpRelu : TrainableCoder
{
    private readonly JumpReluOptions _options;
    private readonly Parameter _threshold;

    /// <summary>Random weights.</summary>
    public TrainedJumpRelu(CoderShape shape, JumpReluOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _threshold = Add(options.LogThreshold ? "log_threshold" : "threshold",
            full(Shape.Features, options.LogThreshold ? Math.Log(options.StartThreshold) : options.StartThreshold));
    }

    /// <inheritdoc/>
    public override string Frozen => "jumprelu";

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var normed = Normed(batch.Inputs);
        var pre = Products(normed) + EncoderBias;
        var threshold = Threshold();
        var codes = Jump(pre, threshold);
        var prediction = Complete(codes.matmul(Decoder) + Bias, normed, batch.Inputs);
        step.Dead.Note(codes);
        List<LossTerm> terms =
        [
            new("reconstruction", Distance(prediction, batch.Targets)),
            new("sparsity", Penalty(pre, codes, threshold), _options.L0 * step.Sparsity),
        ];
        if (_options.PreActivation > 0)
        {
            var missing = (threshold - pre).relu() * WrittenLengths();
            var charged = _options.PreActivationOfDead ? missing * step.Dead.Mask.to(pre.dtype) : missing;
            terms.Add(new LossTerm("pre_activation", charged.sum(-1).mean(), _options.PreActivation));
        }
        return terms;
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new JumpReluCoder(card, CopyWeights(), Threshold().detach().clone());

    private Tensor Threshold() => _options.LogThreshold ? _threshold.exp() : _threshold;

    // Adding a tensor that is zero in value gives θ the gradient that the jump itself has not.
    private Tensor Jump(Tensor z, Tensor threshold)
    {
        var open = z.detach().gt(threshold.detach()).to(z.dtype);
        var felt = Window(z, threshold) * (threshold.detach() * (-1 / _options.Bandwidth));
        return z * open + (threshold - threshold.detach()) * felt;
    }

    private Tensor Count(Tensor z, Tensor threshold)
    {
        var open = z.detach().gt(threshold.detach()).to(z.dtype);
        return open + (threshold - threshold.detach()) * (Window(z, threshold) * (-1 / _options.Bandwidth));
    }

    private Tensor Window(Tensor z, Tensor threshold)
    {
        var place = (z.detach() - threshold.detach()) / _options.Bandwidth;
        return place.gt(-0.5).logical_and(place.lt(0.5)).to(z.dtype);
    }

    private Tensor Penalty(Tensor pre, Tensor codes, Tensor threshold)
    {
        switch (_options.Penalty)
        {
            case JumpPenalty.Step:
                return Count(_options.CountsCodes ? codes : pre, threshold).sum(-1).mean();
            case JumpPenalty.Target:
                return (Count(_options.CountsCodes ? codes : pre, threshold).sum(-1).mean() / _options.TargetL0 - 1).square();
            case JumpPenalty.Tanh:
                return (codes * WrittenLengths() * _options.TanhScale).tanh().sum(-1).mean();
            default:
                var q = (codes * WrittenLengths() * _options.TanhScale).tanh().mean([0]);
                return (q * (q * 100 + 1)).sum();
        }
    }
}
