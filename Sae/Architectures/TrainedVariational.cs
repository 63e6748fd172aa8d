using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the variational architecture.</summary>
public sealed record VariationalOptions : SelectiveOptions
{
    /// <summary>Weight of the divergence from N(0, 1).</summary>
    public double Divergence { get; init; } = 0.01;

    /// <summary>Standard deviation of the noise on codes in training.</summary>
    public double Sigma { get; init; } = 1;

    /// <summary>Whether the deviation of each code is learned from the input, log σ² = p·W_var + b_var within [−6, 2]; otherwise it is <see cref="Sigma"/>.</summary>
    public bool LearnsSigma { get; init; }

    /// <summary>Where b_var starts.</summary>
    public double StartLogVariance { get; init; } = -2;

    /// <summary>Whether only the k codes of largest magnitude are kept; otherwise all are.</summary>
    public bool KeepsLargest { get; init; } = true;

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (!(Divergence >= 0)) faults.Add($"divergence = {Divergence} must not be negative");
        if (!(Sigma >= 0)) faults.Add($"sigma = {Sigma} must not be negative");
    }
}

/// <summary>
/// Codes are drawn: z = μ + σ·ξ with μ = ReLU(p·W_enc + b_enc), and pay their divergence from N(0, 1): ½·Σ μ² for a fixed σ (constants dropped),
/// ½·Σ (μ² + σ² − 1 − log σ²) for a learned one. In use, z = μ. "Analysis of Variational Sparse Autoencoders" (Baker and Li 2025).
/// </summary>
[TrainedArchitecture("variational")]
public sealed class TrainedVariational : SelectiveCoder
{
    private const double LowestLogVariance = -6, HighestLogVariance = 2;

    private readonly VariationalOptions _options;
    private readonly Parameter? _spread, _spreadBias;
    private Tensor? _logVariance;

    /// <summary>Random weights; those of the deviation are zero.</summary>
    public TrainedVariational(CoderShape shape, VariationalOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        if (!options.LearnsSigma) return;
        _spread = Add("log_variance", zeros(Shape.Features, Shape.Width));
        _spreadBias = Add("log_variance_bias", full(Shape.Features, options.StartLogVariance));
    }

    /// <inheritdoc/>
    public override string Frozen => _options.KeepsLargest ? "topk" : "standard";

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        if (_spread is not null)
            _logVariance = (Centred(Normed(batch.Inputs)).matmul(_spread.t()) + _spreadBias!).clamp(LowestLogVariance, HighestLogVariance);
        try
        {
            return base.Loss(batch, step);
        }
        finally
        {
            _logVariance = null;
        }
    }

    /// <summary>½·Σ (μ² + σ² − 1 − log σ²) per row, mean over rows; ½·Σ μ² where σ is not learned.</summary>
    internal static Tensor Divergence(Tensor mean, Tensor? logVariance) =>
        (logVariance is null ? mean.square() : mean.square() + logVariance.exp() - 1 - logVariance).sum(1).mean() * 0.5;

    private protected override Tensor Select(Tensor ranked, StepInfo step)
    {
        using var generator = new Generator(step.Seed);
        var mean = ranked.relu();
        var noise = randn(mean.shape, generator: generator);
        var drawn = mean + (_logVariance is { } spread ? noise * (spread * 0.5).exp() : noise * _options.Sigma);
        return _options.KeepsLargest ? Largest.OfMagnitudes(drawn, (int)StepK(step)) : drawn;
    }

    // Every positive feature pays: there is no sparse way.
    private protected override IEnumerable<LossTerm> Terms(SelectiveForward forward, TrainRows batch, StepInfo step) =>
        base.Terms(forward, batch, step)
            .Append(new LossTerm("divergence", Divergence(((DenseForward)forward).Ranked.relu(), _logVariance), _options.Divergence * step.Sparsity));

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => _options.KeepsLargest ? new TopKCoder(card, RankedWeights(), (int)K) : new StandardCoder(card, RankedWeights());
}
