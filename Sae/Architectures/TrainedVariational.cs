using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the variational architecture.</summary>
public sealed record VariationalOptions : SelectiveOptions
{
    /// <summary>Weight of the divergence from N(0, 1).</summary>
    public double Divergence { get; init; } = 0.01;

    /// <summary>Standard deviation of the noise on codes in training.</summary>
    public double Sigma { get; init; } = 1;

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
/// Codes are drawn: z = μ + σ·ξ with μ = ReLU(p·W_enc + b_enc), and pay their divergence from N(0, 1), ½·Σ μ² for a fixed σ (constants dropped).
/// In use, z = μ. "Analysis of Variational Sparse Autoencoders" (Baker and Li 2025), with a fixed σ; a learned one is not built.
/// </summary>
[TrainedArchitecture("variational")]
public sealed class TrainedVariational(CoderShape shape, VariationalOptions options, long seed) : SelectiveCoder(shape, options, seed)
{
    /// <inheritdoc/>
    public override string Frozen => options.KeepsLargest ? "topk" : "standard";

    private protected override Tensor Select(Tensor ranked, StepInfo step)
    {
        using var generator = new Generator(step.Seed);
        var mean = ranked.relu();
        var drawn = mean + randn(mean.shape, generator: generator) * options.Sigma;
        return options.KeepsLargest ? Largest.OfMagnitudes(drawn, (int)StepK(step)) : drawn;
    }

    private protected override IEnumerable<LossTerm> Terms(SelectiveForward forward, TrainRows batch, StepInfo step)
    {
        foreach (var term in base.Terms(forward, batch, step)) yield return term;
        // Every positive feature pays: there is no sparse way.
        yield return new LossTerm("divergence", ((DenseForward)forward).Ranked.relu().square().sum(1).mean() * 0.5, options.Divergence * step.Sparsity);
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => options.KeepsLargest ? new TopKCoder(card, RankedWeights(), (int)K) : new StandardCoder(card, RankedWeights());
}
