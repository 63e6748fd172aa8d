using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Every feature chooses its rows, so that none can die: feature i keeps its k·rows/F largest positive entries of the batch. Frozen with a running
/// threshold per feature. The uniform budget of "Adaptive Sparse Allocation with Mutual Choice and Feature Choice Sparse Autoencoders" (Ayonrinde 2024);
/// mutual choice is <c>batchtopk</c>.
/// </summary>
[TrainedArchitecture("feature_choice")]
public sealed class TrainedFeatureChoice : SelectiveCoder
{
    private readonly Tensor _thresholds;
    private readonly double _rate;

    /// <summary>Random weights.</summary>
    public TrainedFeatureChoice(CoderShape shape, SelectiveOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        _rate = options.Threshold.Rate;
        _thresholds = AddState("thresholds", full(Shape.Features, -1f));
    }

    /// <inheritdoc/>
    public override string Frozen => "jumprelu";

    private protected override Tensor Select(Tensor ranked, StepInfo step)
    {
        var positive = ranked.relu();
        var each = (int)Math.Clamp(Math.Ceiling(StepK(step) * ranked.shape[0] / Shape.Features), 1, ranked.shape[0]);
        var (values, places) = positive.topk(each, 0, sorted: false);
        Follow(values.detach());
        return positive.zeros_like().scatter(0, places, values);
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new JumpReluCoder(card, RankedWeights(), _thresholds.clamp_min(0).clone());

    // Each feature's smallest kept value; a feature without a positive entry keeps its threshold.
    private void Follow(Tensor kept)
    {
        using var frozen = no_grad();
        var smallest = kept.masked_fill(kept.le(0), double.PositiveInfinity).amin(0);
        var moved = (_thresholds * (1 - _rate) + smallest * _rate).where(_thresholds.ge(0), smallest);
        _thresholds.copy_(moved.where(smallest.isfinite(), _thresholds));
    }
}
