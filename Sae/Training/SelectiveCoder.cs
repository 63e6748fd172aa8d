using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What a selective coder computed for one batch. Everything lives in the step's scope.</summary>
/// <param name="Normed">The normalised input.</param>
/// <param name="Ranked">What features are ranked by: [n, F].</param>
/// <param name="Codes">What is kept of it: [n, F].</param>
/// <param name="Lengths">‖W_dec‖ where features are ranked by it: [F].</param>
internal readonly record struct SelectiveForward(NormedInput Normed, Tensor Ranked, Tensor Codes, Tensor? Lengths);

/// <summary>
/// Coders in training that keep some features of a row or batch and set the others to zero. An architecture says which are kept, and may add to
/// the loss.
/// </summary>
public abstract class SelectiveCoder : TrainableCoder
{
    private readonly SelectiveOptions _options;
    private readonly Tensor _threshold;

    /// <summary>Random weights.</summary>
    protected SelectiveCoder(CoderShape shape, SelectiveOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _threshold = AddState("threshold", tensor(options.Threshold.CopiesFirst ? -1.0 : 0.0, float64));
    }

    /// <summary>Features per row, at the end of training.</summary>
    private protected double K => _options.K;

    /// <summary>The running threshold; −1 while it is unknown.</summary>
    public double Threshold => _threshold.item<double>();

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var forward = Forward(batch.Inputs, step);
        FollowThreshold(forward.Codes, step);
        step.Dead.Note(forward.Codes);
        var decoded = Decode(forward.Codes, forward.Lengths) + Bias;
        var prediction = Complete(decoded, forward.Normed, batch.Inputs);
        List<LossTerm> terms = [.. Terms(forward, prediction, batch, step)];
        var error = (batch.Targets - prediction).detach();
        if (DeadLoss.Of(_options.Aux, forward.Ranked, step.Dead.Mask, error, batch.Targets, codes => Decode(codes, forward.Lengths), Bias) is { } aux)
            terms.Add(new LossTerm("aux", aux, _options.Aux.Weight));
        return terms;
    }

    /// <summary>What is kept of the values [n, F]: [n, F], differentiable, zero elsewhere.</summary>
    private protected abstract Tensor Select(Tensor ranked, StepInfo step);

    /// <summary>The loss without the dead features' part; the reconstruction unless the architecture says otherwise.</summary>
    private protected virtual IEnumerable<LossTerm> Terms(SelectiveForward forward, Tensor prediction, TrainRows batch, StepInfo step) =>
        [new("reconstruction", Distance(prediction, batch.Targets))];

    /// <summary>k as it is in this step: it may still be falling to its final value.</summary>
    private protected double StepK(StepInfo step) => Math.Min(_options.K * step.KFactor, Shape.Features);

    /// <summary>Codes · W_dec without the bias; the codes are in the units in which features are ranked.</summary>
    private protected Tensor Decode(Tensor codes, Tensor? lengths) => (lengths is null ? codes : codes / lengths).matmul(Decoder);

    /// <summary>The weights of the coder to freeze to, in the units in which features are ranked.</summary>
    private protected CoderWeights RankedWeights()
    {
        var weights = CopyWeights();
        if (!_options.RanksByLength) return weights;
        // The lengths of training: over several sites they are sums of the lengths at each, not the length of the whole row.
        var lengths = WrittenLengths();
        return weights.MoveLengths(lengths.masked_fill(lengths.eq(0), 1));
    }

    private SelectiveForward Forward(Tensor x, StepInfo step)
    {
        var normed = Normed(x);
        var products = Products(normed);
        var pre = _options.EncoderBias ? products + EncoderBias : products;
        var lengths = _options.RanksByLength ? WrittenLengths() : null;
        var ranked = lengths is null ? pre : pre * lengths;
        return new SelectiveForward(normed, ranked, Select(ranked, step), lengths);
    }

    // The smallest positive value that was kept in the batch.
    private void FollowThreshold(Tensor codes, StepInfo step)
    {
        var options = _options.Threshold;
        if (options.CopiesFirst && step.Step <= options.After) return;
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var perRow = codes.masked_fill(codes.le(0), double.PositiveInfinity).amin(1);
        perRow = perRow.masked_select(perRow.isfinite());
        if (perRow.shape[0] == 0 && !options.CopiesFirst) return;
        var smallest = perRow.shape[0] == 0 ? 0 : (options.PerRow ? perRow.mean() : perRow.min()).item<float>();
        var before = Threshold;
        _threshold.fill_(options.CopiesFirst && before < 0 ? smallest : (1 - options.Rate) * before + options.Rate * smallest);
    }
}
