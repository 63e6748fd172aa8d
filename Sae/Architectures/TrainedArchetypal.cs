using Prisma.Core;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Decoder rows are mixtures of points of the data: D = (W·C + Λ)·eᵐ with C fixed (centres of k-means), rows of W on the simplex and rows of Λ no longer than δ.
/// TopK, no biases. Frozen with D computed once. "Archetypal SAE: Adaptive and Stable Dictionary Learning for Concept Extraction in Large Vision Models"
/// (Fel et al. 2025).
/// </summary>
[TrainedArchitecture("archetypal")]
public sealed class TrainedArchetypal : TrainableCoder
{
    private readonly ArchetypalOptions _options;
    private readonly Parameter _mixture, _relaxation, _multiplier;
    private readonly Tensor _points;
    private readonly long _seed;

    /// <summary>Random weights; the points come with the first rows.</summary>
    public TrainedArchetypal(CoderShape shape, ArchetypalOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_options, _seed) = (options, seed);
        var points = options.Candidates ?? Shape.Features;
        using var scope = NewDisposeScope();
        using var generator = new Generator(Seeds.Mixed(seed, 1));
        // The first features are the points themselves, further ones random mixtures.
        var first = Math.Min(points, Shape.Features);
        var mixture = cat([eye(first, points), rand([Shape.Features - first, points], generator: generator)]);
        _mixture = Add("mixture", mixture / mixture.sum(1, keepdim: true));
        _relaxation = Add("relaxation", zeros(Shape.Features, Shape.OutputWidth));
        _multiplier = Add("multiplier", zeros(1));
        _points = AddState("points", randn(points, Shape.OutputWidth, generator: generator));
        using var frozen = no_grad();
        Form(startsEncoder: true);
    }

    /// <inheritdoc/>
    public override string Frozen => "topk";

    /// <inheritdoc/>
    public override bool FormsDecoder => true;

    /// <inheritdoc/>
    public override long StartRows => _options.CandidateRows;

    /// <inheritdoc/>
    public override void Begin(TrainRows first)
    {
        base.Begin(first);
        if (first.Targets.shape[0] < _points.shape[0])
            throw new OptionsException($"{_points.shape[0]} candidates cannot be found among {first.Targets.shape[0]} rows: lower 'candidates', or give more data.");
        using var scope = NewDisposeScope();
        using var frozen = no_grad();
        _points.copy_(KMeans.Centres(Normed(first.Targets).Value, (int)_points.shape[0], _options.Rounds, Seeds.Mixed(_seed, 2)));
        Form(startsEncoder: true);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var normed = Normed(batch.Inputs);
        var pre = Products(normed) + EncoderBias;
        var codes = Largest.OfRows(pre, _options.K).relu();
        step.Dead.Note(codes);
        var prediction = Complete(codes.matmul(Dictionary()), normed, batch.Inputs);
        List<LossTerm> terms = [new("reconstruction", Distance(prediction, batch.Targets))];
        if (_options.Reanimation > 0) terms.Add(new LossTerm("reanimation", (pre * step.Dead.Mask.to(pre.dtype)).mean(), -_options.Reanimation));
        return terms;
    }

    /// <inheritdoc/>
    public override void AfterStep(TrainRows batch, StepInfo step, ICoderMoments moments)
    {
        using var scope = NewDisposeScope();
        Form(startsEncoder: false);
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new TopKCoder(card, CopyWeights(), _options.K);

    private Tensor Dictionary() => (_mixture.matmul(_points) + _relaxation) * _multiplier.exp();

    // Back onto the simplex and into the ball; the decoder is the dictionary, for reading and writing.
    private void Form(bool startsEncoder)
    {
        using var scope = NewDisposeScope();
        var positive = _mixture.relu();
        var sums = positive.sum(1, keepdim: true);
        // A row that lost everything is the mean of all points.
        _mixture.copy_((positive / sums.clamp_min(1e-12)).where(sums.gt(1e-12), positive.full_like(1.0 / positive.shape[1])));
        var lengths = _relaxation.norm(1, keepdim: true);
        _relaxation.mul_((lengths.clamp_min(1e-12).reciprocal() * _options.Relaxation).clamp_max(1));
        Decoder.copy_(Dictionary());
        // So that a row that equals a feature has about the code 1.
        if (startsEncoder && Shape.Width == Shape.OutputWidth) Encoder.copy_(Decoder / Decoder.square().sum(1, keepdim: true).clamp_min(1e-12));
    }
}
