using static TorchSharp.torch;

namespace Prisma.Sae;

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
        var normed = Normed(batch.Inputs);
        var products = Products(normed);
        var pre = _options.EncoderBias ? products + EncoderBias : products;
        var lengths = _options.RanksByLength ? WrittenLengths() : null;
        var ranked = lengths is null ? pre : pre * lengths;
        return Loss(new DenseForward(normed, ranked, Select(ranked, step), lengths, Decoder), batch, step);
    }

    /// <inheritdoc/>
    internal override Func<SparseStep, TrainRows, StepInfo, SparseLoss?>? LossOverEntries => Selection is { } selection ? (buffer, batch, step) =>
    {
        var rows = batch.Inputs.shape[0];
        if (!SparseStep.Pays(StepK(step) * rows, rows, Shape.Features)) return null;
        Tensor? lengths;
        using (no_grad()) lengths = _options.RanksByLength ? WrittenLengths() : null;
        var graph = new SparseGraph(this, batch.Inputs, buffer, _options.EncoderBias, lengths);
        var entries = graph.Select(selection(step));
        return Describes(entries, step) ? new SparseLoss(Loss(new EntriesForward(graph, entries, lengths), batch, step), graph) : null;
    }
    : null;

    /// <summary>What is kept of the values [n, F]: [n, F], differentiable, zero elsewhere.</summary>
    private protected abstract Tensor Select(Tensor ranked, StepInfo step);

    /// <summary>The same as entries, zeros left out; null where what is kept, or the loss, is not made of few entries.</summary>
    private protected virtual Func<StepInfo, SparseSelection>? Selection => null;

    /// <summary>Whether the loss of this batch depends on the entries alone.</summary>
    private protected virtual bool Describes(SparseEntries entries, StepInfo step) => true;

    /// <summary>
    /// Whether the running threshold is followed: where the frozen coder runs on single rows by it. Coders that choose per row anyway follow one only
    /// where the mean over rows is asked for, as in dictionary_learning's files.
    /// </summary>
    private protected virtual bool FollowsThreshold => _options.Threshold.PerRow;

    /// <summary>The loss without the dead features' part; the reconstruction unless the architecture says otherwise.</summary>
    private protected virtual IEnumerable<LossTerm> Terms(SelectiveForward forward, TrainRows batch, StepInfo step) =>
        [new("reconstruction", Distance(Predicted(forward, batch), batch.Targets))];

    /// <summary>The complete prediction from all kept codes.</summary>
    private protected Tensor Predicted(SelectiveForward forward, TrainRows batch) =>
        forward.Prediction ??= Complete(forward.Written() + Bias, forward.Normed, batch.Inputs);

    /// <summary>k as it is in this step: it may still be falling to its final value.</summary>
    private protected double StepK(StepInfo step) => Math.Min(_options.K * step.KFactor, Shape.Features);

    /// <summary>The weights of the coder to freeze to, in the units in which features are ranked.</summary>
    private protected CoderWeights RankedWeights()
    {
        var weights = CopyWeights();
        if (!_options.RanksByLength) return weights;
        // The lengths of training: over several sites they are sums of the lengths at each, not the length of the whole row.
        var lengths = WrittenLengths();
        return weights.MoveLengths(lengths.masked_fill(lengths.eq(0), 1));
    }

    private List<LossTerm> Loss(SelectiveForward forward, TrainRows batch, StepInfo step)
    {
        if (FollowsThreshold) FollowThreshold(forward, step);
        forward.Tell(step.Dead);
        List<LossTerm> terms = [.. Terms(forward, batch, step)];
        if (DeadLoss.Of(_options.Aux, forward, step.Dead.Mask, () => (batch.Targets - Predicted(forward, batch)).detach(), batch.Targets, Bias) is { } aux)
            terms.Add(new LossTerm("aux", aux, _options.Aux.Weight));
        return terms;
    }

    // The smallest positive value that was kept in the batch.
    private void FollowThreshold(SelectiveForward forward, StepInfo step)
    {
        var options = _options.Threshold;
        if (options.CopiesFirst && step.Step <= options.After) return;
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var kept = forward.Smallest(options.PerRow);
        if (kept.shape[0] == 0 && !options.CopiesFirst) return;
        var smallest = kept.shape[0] == 0 ? 0 : (options.PerRow ? kept.mean() : kept.min()).item<float>();
        var before = Threshold;
        _threshold.fill_(options.CopiesFirst && before < 0 ? smallest : (1 - options.Rate) * before + options.Rate * smallest);
    }
}
