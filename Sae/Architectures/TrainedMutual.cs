using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of mutual feature regularisation.</summary>
public sealed record MutualOptions : TrainedOptions
{
    private const int MostMatched = 8192;

    /// <summary>Nothing is subtracted from the input, and the reconstruction counts per number, as in the paper's code.</summary>
    public MutualOptions()
    {
        InputBias = BiasUse.None;
        Reconstruction = ReconstructionLoss.Mse;
        Start = new StartOptions { Bias = StartBias.Zero };
    }

    /// <summary>Features per row.</summary>
    public int K { get; init; } = 32;

    /// <summary>Coders of a run with the same word regard each other.</summary>
    public string Group { get; init; } = "mutual";

    /// <summary>Weight of 1 − the mean cosine of matched features, mean over the group's pairs.</summary>
    public double Agreement { get; init; } = 1;

    /// <summary>Steps over which that weight rises by half a cosine.</summary>
    public long WarmUp { get; init; } = 100;

    /// <summary>Steps between two matchings; each costs the cube of the number of features.</summary>
    public int MatchEvery { get; init; } = 20;

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (Agreement > 0 && shape.Features > MostMatched)
            faults.Add($"features = {shape.Features}: matching takes time with their third power; at most {MostMatched} are matched");
        if (K < 1 || K > shape.Features) faults.Add($"k = {K} must be between 1 and the number of features, {shape.Features}");
        if (!(Agreement >= 0)) faults.Add($"agreement = {Agreement} must not be negative");
        if (WarmUp < 0) faults.Add($"warm_up = {WarmUp} must not be negative");
        if (MatchEvery < 1) faults.Add($"match_every = {MatchEvery} must be at least 1");
        if (shape.Width != shape.OutputWidth) faults.Add("its decoder is its encoder, so the widths in and out must be equal");
    }
}

/// <summary>
/// Several coders that are rewarded for finding the same features: mse + w · mean over pairs of (1 − mean cosine of features matched one to one). Encoder and
/// decoder are the same rows, written with length 1; the k largest products keep their signs. "Enhancing Neural Network Interpretability with Feature-Aligned
/// Sparse Autoencoders" (Marks et al. 2024). Each coder sees the others as they were before the step, which gives the gradient of the common loss.
/// </summary>
[TrainedArchitecture("mutual")]
public sealed class TrainedMutual : TrainableCoder
{
    private readonly MutualOptions _options;
    private readonly List<(TrainedMutual Coder, Tensor Match)> _others = [];
    private Tensor? _seen;

    /// <summary>Random weights.</summary>
    public TrainedMutual(CoderShape shape, MutualOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
    }

    /// <inheritdoc/>
    public override string Frozen => "signed_topk";

    /// <inheritdoc/>
    public override bool FormsDecoder => true;

    /// <inheritdoc/>
    public override void Meet(IReadOnlyList<TrainableCoder> coders)
    {
        ArgumentNullException.ThrowIfNull(coders);
        foreach (var other in coders.OfType<TrainedMutual>().Where(other => other != this && other._options.Group == _options.Group))
        {
            if (other.Shape.Features != Shape.Features || other.Shape.Width != Shape.Width)
                throw new OptionsException($"Coders of the group '{_options.Group}' must have the same sizes: {Shape.Width} → {Shape.Features} and {other.Shape.Width} → {other.Shape.Features}.");
            _others.Add((other, AddState($"match{_others.Count}", full(Shape.Features, -1L, int64))));
        }
        if (_others.Count == 0 && _options.Agreement > 0)
            throw new OptionsException($"Mutual feature regularisation needs at least two coders of the group '{_options.Group}' in the run; give them different seeds.");
    }

    /// <inheritdoc/>
    public override void BeforeStep()
    {
        using var scope = NewDisposeScope();
        _seen?.Dispose();
        _seen = nn.functional.normalize(Encoder.detach()).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var normed = Normed(batch.Inputs);
        var (values, places) = Products(normed).topk(_options.K, 1, sorted: false);
        var codes = zeros(values.shape[0], Shape.Features).scatter(1, places, values);
        step.Dead.Note(codes);
        var rows = nn.functional.normalize(Encoder);
        var prediction = Complete(codes.matmul(rows), normed, batch.Inputs);
        List<LossTerm> terms = [new("reconstruction", Distance(prediction, batch.Targets))];
        if (_others.Count == 0) return terms;
        Tensor? sum = null;
        foreach (var (other, match) in _others)
        {
            if (step.Step % _options.MatchEvery == 0 || match.lt(0).any().item<bool>()) Match(rows, other._seen!, match);
            var apart = 1 - (rows * other._seen!.index_select(0, match)).sum(1).mean();
            sum = sum is null ? apart : sum + apart;
        }
        // Each pair appears at both of its coders; the weight is the mean over all pairs of the group.
        var pairs = (_others.Count + 1) * _others.Count / 2;
        var rise = step.Step < _options.WarmUp ? (1 - Math.Cos(Math.PI * step.Step / _options.WarmUp)) / 2 : 1;
        terms.Add(new LossTerm("disagreement", sum! / pairs, _options.Agreement * rise));
        return terms;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _seen?.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card)
    {
        Decoder.copy_(nn.functional.normalize(Encoder));
        return new SignedTopKCoder(card, CopyWeights(), _options.K);
    }

    private static void Match(Tensor own, Tensor other, Tensor match)
    {
        using var frozen = no_grad();
        using var scope = NewDisposeScope();
        var size = (int)own.shape[0];
        var values = own.detach().matmul(other.t()).to(float64).contiguous().data<double>().ToArray();
        var cosines = new double[size, size];
        for (var k = 0; k < values.Length; k++) cosines[k / size, k % size] = values[k];
        var best = Assignment.OfLargest(cosines);
        match.copy_(tensor([.. best.Select(place => (long)place)], [best.Length]));
    }
}
