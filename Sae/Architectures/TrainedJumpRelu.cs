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
        var codes = Jump(pre, threshold, _options.Bandwidth);
        step.Dead.Note(codes);
        Tensor Active() => Count(_options.CountsCodes ? codes : pre, threshold).sum([0L]);
        Tensor Saturated(Tensor scales) => (codes * scales).tanh().sum([0L]);
        Tensor Missing()
        {
            var missing = (threshold - pre).relu() * WrittenLengths();
            return _options.PreActivationOfDead ? missing * step.Dead.Mask.to(pre.dtype) : missing;
        }
        return Terms(batch, step, normed, codes.matmul(Decoder), Active, Saturated, Missing);
    }

    /// <inheritdoc/>
    internal override Func<SparseStep, TrainRows, StepInfo, SparseLoss?>? LossOverEntries =>
        _options.PreActivation > 0 && !_options.PreActivationOfDead ? null : OverEntries;

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new JumpReluCoder(card, CopyWeights(), Threshold().detach().clone());

    // Entries below the window have neither value nor gradient.
    private SparseLoss? OverEntries(SparseStep buffer, TrainRows batch, StepInfo step)
    {
        var (graph, threshold) = (new SparseGraph(this, batch.Inputs, buffer), Threshold());
        Tensor lowest;
        // A little below: what is felt is decided entry by entry, with the rounding of the dense formula.
        using (no_grad()) lowest = threshold - (threshold.abs() * 1e-5 + _options.Bandwidth * 0.51);
        var entries = graph.Select(Keep.Above(lowest));
        var rows = batch.Inputs.shape[0];
        if (!SparseStep.Pays(entries.Rows.Count, rows, Shape.Features)) return null;
        var own = threshold.index_select(0, entries.Indices);
        var codes = Jump(entries.Pre, own, _options.Bandwidth);
        step.Dead.NoteEntries(entries, codes);
        Tensor Active() => _options.CountsCodes ? ActiveCodes(entries, codes, own, threshold, rows) : entries.PerFeature(Count(entries.Pre, own));
        Tensor Saturated(Tensor scales) => entries.PerFeature((codes * scales.index_select(0, entries.Indices)).tanh());
        Tensor Missing()
        {
            var dead = step.Dead.Mask.nonzero().squeeze(1);
            return (threshold.index_select(0, dead) - graph.Pre(dead)).relu() * WrittenLengths().index_select(0, dead);
        }
        return new SparseLoss(Terms(batch, step, graph.Normed, graph.Written(entries, codes), Active, Saturated, Missing), graph);
    }

    private List<LossTerm> Terms(
        TrainRows batch, StepInfo step, NormedInput normed, Tensor written, Func<Tensor> active, Func<Tensor, Tensor> saturated, Func<Tensor> missing)
    {
        List<LossTerm> terms =
        [
            new("reconstruction", Distance(Complete(written + Bias, normed, batch.Inputs), batch.Targets)),
            new("sparsity", Penalty(batch.Inputs.shape[0], active, saturated), _options.L0 * step.Sparsity),
        ];
        if (_options.PreActivation > 0) terms.Add(new LossTerm("pre_activation", missing().sum(-1).mean(), _options.PreActivation));
        return terms;
    }

    // From what is summed over rows for each feature, [F].
    private Tensor Penalty(long rows, Func<Tensor> active, Func<Tensor, Tensor> saturated)
    {
        switch (_options.Penalty)
        {
            case JumpPenalty.Step:
                return active().sum() / rows;
            case JumpPenalty.Target:
                return (active().sum() / rows / _options.TargetL0 - 1).square();
            case JumpPenalty.Tanh:
                return saturated(WrittenLengths() * _options.TanhScale).sum() / rows;
            default:
                var q = saturated(WrittenLengths() * _options.TanhScale) / rows;
                return (q * (q * 100 + 1)).sum();
        }
    }

    // Counted on codes, every closed entry counts as zero: a threshold below the window's half feels them all.
    private Tensor ActiveCodes(SparseEntries entries, Tensor codes, Tensor own, Tensor threshold, long rows)
    {
        var open = entries.Pre.detach().gt(own.detach()).to(codes.dtype);
        var closed = entries.PerFeature(open).neg() + rows;
        return entries.PerFeature(Count(codes, own) * open) + Count(threshold.detach().zeros_like(), threshold) * closed;
    }

    private Tensor Threshold() => _options.LogThreshold ? _threshold.exp() : _threshold;

    // Adding a tensor that is zero in value gives θ the gradient that the jump itself has not.
    internal static Tensor Jump(Tensor z, Tensor threshold, double bandwidth)
    {
        var open = z.detach().gt(threshold.detach()).to(z.dtype);
        var felt = Window(z, threshold, bandwidth) * (threshold.detach() * (-1 / bandwidth));
        return z * open + (threshold - threshold.detach()) * felt;
    }

    private Tensor Count(Tensor z, Tensor threshold)
    {
        var open = z.detach().gt(threshold.detach()).to(z.dtype);
        return open + (threshold - threshold.detach()) * (Window(z, threshold, _options.Bandwidth) * (-1 / _options.Bandwidth));
    }

    private static Tensor Window(Tensor z, Tensor threshold, double bandwidth)
    {
        var place = (z.detach() - threshold.detach()) / bandwidth;
        return place.gt(-0.5).logical_and(place.lt(0.5)).to(z.dtype);
    }
}
