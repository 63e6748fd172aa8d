using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Every feature chooses its rows, so that none can die: feature i keeps the largest of its positive entries of the batch, as many as a Zipf law gives its rank
/// (exponent 0: all the same). Ranks are by how often mutual choice would take a feature: how often it fires here is what the ranks themselves decide. Frozen with a running threshold per feature. "Adaptive Sparse Allocation with Mutual Choice and Feature Choice Sparse
/// Autoencoders" (Ayonrinde 2024).
/// </summary>
[TrainedArchitecture("feature_choice")]
public sealed class TrainedFeatureChoice : SelectiveCoder
{
    private readonly ZipfChoiceOptions _options;
    private readonly ZipfDensity _density;
    private readonly Tensor _thresholds;

    /// <summary>Random weights.</summary>
    public TrainedFeatureChoice(CoderShape shape, ZipfChoiceOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _density = new ZipfDensity(options.Zipf, Shape.Features, options.K, AddState);
        _thresholds = AddState("thresholds", full(Shape.Features, -1f));
    }

    /// <inheritdoc/>
    public override string Frozen => "jumprelu";

    private protected override Tensor Select(Tensor ranked, StepInfo step)
    {
        var positive = ranked.relu();
        // The place of each entry among those of its feature.
        var place = positive.detach().argsort(0, descending: true).argsort(0);
        var kept = positive * place.lt(_density.Budgets(ranked.shape[0], StepK(step)).unsqueeze(0)).to(positive.dtype);
        Follow(kept.detach());
        return kept;
    }

    private protected override IEnumerable<LossTerm> Terms(SelectiveForward forward, TrainRows batch, StepInfo step)
    {
        var dense = (DenseForward)forward;
        return base.Terms(forward, batch, step)
            .Concat(_density.Terms(_options, dense, (batch.Targets - Predicted(forward, batch)).detach(), Largest.OfBatch(dense.Ranked.detach(), StepK(step))));
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new JumpReluCoder(card, RankedWeights(), _thresholds.clamp_min(0).clone());

    // Each feature's smallest kept value; a feature without a positive entry keeps its threshold.
    private void Follow(Tensor kept)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var rate = _options.Threshold.Rate;
        var smallest = kept.masked_fill(kept.le(0), double.PositiveInfinity).amin(0);
        var moved = (_thresholds * (1 - rate) + smallest * rate).where(_thresholds.ge(0), smallest);
        _thresholds.copy_(moved.where(smallest.isfinite(), _thresholds));
    }
}
