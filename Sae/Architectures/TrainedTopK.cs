using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the TopK architecture in training.</summary>
public sealed record TopKOptions : SelectiveOptions
{
    /// <summary>Weight of a second reconstruction that may use 4·k features (Multi-TopK, Gao et al. 2024); 0 leaves it out.</summary>
    public double Multi { get; init; }

    /// <summary>Whether gradients of the second reconstruction reach the encoder; sparsify's do not.</summary>
    public bool MultiTrainsEncoder { get; init; } = true;

    /// <summary>
    /// Whether pre-activations are set to zero below zero before the largest are chosen, and every chosen one learns, zero or not (sparsify).
    /// </summary>
    public bool RectifiesFirst { get; init; }

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (K != Math.Floor(K)) faults.Add($"k = {K} must be a whole number for topk; batchtopk takes fractions");
        if (!(Multi >= 0)) faults.Add($"multi = {Multi} must not be negative");
    }
}

/// <summary>The k largest pre-activations of each row, negative ones then set to zero. "Scaling and evaluating sparse autoencoders" (Gao et al. 2024).</summary>
[TrainedArchitecture("topk")]
public sealed class TrainedTopK(CoderShape shape, TopKOptions options, long seed) : SelectiveCoder(shape, options, seed)
{
    /// <inheritdoc/>
    public override string Frozen => "topk";

    private protected override Tensor Select(Tensor ranked, StepInfo step) =>
        options.RectifiesFirst ? Chosen(ranked, (int)StepK(step)) : Largest.OfRows(ranked, (int)StepK(step)).relu();

    private protected override Func<StepInfo, SparseSelection>? Selection => step => Keep.TopK((int)StepK(step));

    // Where a row has fewer than k entries above zero and the rectified are chosen, which of its zeros learn is for the dense formula to say.
    private protected override bool Describes(SparseEntries entries, StepInfo step) =>
        !options.RectifiesFirst || entries.Rows.Count == entries.Rows.Rows * (int)StepK(step);

    private protected override IEnumerable<LossTerm> Terms(SelectiveForward forward, TrainRows batch, StepInfo step)
    {
        foreach (var term in base.Terms(forward, batch, step)) yield return term;
        if (options.Multi == 0) yield break;
        var more = forward.WrittenByLargest((int)Math.Min(4 * StepK(step), Shape.Features), options.MultiTrainsEncoder);
        var second = forward.Normed.Undo(more + Bias);
        yield return new LossTerm("multi", Distance(second, batch.Targets), options.Multi);
    }

    // The values of the rectified, the gradient of a plain copy.
    private static Tensor Chosen(Tensor ranked, int k)
    {
        var (values, places) = ranked.detach().relu().topk(k, 1, sorted: false);
        var chosen = ranked.gather(1, places);
        return ranked.detach().zeros_like().scatter(1, places, chosen + (values - chosen.detach()));
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new TopKCoder(card, RankedWeights(), (int)options.K);
}
