using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the gradient architecture.</summary>
public sealed record GradientOptions : SelectiveOptions
{
    /// <summary>β: how much a feature's effect on the model's loss counts in the choice, in units of the running mean effect; 0 is TopK.</summary>
    public double Beta { get; init; } = 1;

    /// <summary>Weight of the newest batch in that mean.</summary>
    public double Rate { get; init; } = 0.01;

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (K != Math.Floor(K)) faults.Add($"k = {K} must be a whole number");
        if (!(Beta >= 0)) faults.Add($"beta = {Beta} must not be negative");
        if (!(Rate is > 0 and <= 1)) faults.Add($"rate = {Rate} must be above 0 and at most 1");
        if (RanksByLength) faults.Add("ranks_by_length cannot be combined with the choice by gradients");
        if (shape.Width != shape.OutputWidth) faults.Add("gradients are those by what is read, so the widths in and out must be equal");
    }

    internal override string? Missing(bool gradients, bool model) => gradients || Beta == 0
        ? null
        : "coders that choose by gradients need a column of them: \"gradients\": \"PLACE.gradient\" (with --model and --downstream, or a matrix of that name in the file)";
}

/// <summary>
/// TopK that prefers features which move the model's loss: chosen by z + β·z·|g·W_decᵀ| with g the gradient by the activation, kept as z = ReLU(pre). In use it
/// is TopK. "Features that Make a Difference: Leveraging Gradients for Improved Dictionary Learning" (Olmo et al. 2025); β counts in units of the running
/// mean of |g·W_decᵀ|, which is our choice.
/// </summary>
[TrainedArchitecture("gradient")]
public sealed class TrainedGradient : SelectiveCoder
{
    private readonly GradientOptions _options;
    private readonly Tensor _scale;
    private Tensor? _gradients;

    /// <summary>Random weights.</summary>
    public TrainedGradient(CoderShape shape, GradientOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _scale = AddState("mean_effect", tensor(-1.0, float64));
    }

    /// <inheritdoc/>
    public override string Frozen => "topk";

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        _gradients = batch.Gradients;
        try
        {
            return base.Loss(batch, step);
        }
        finally
        {
            _gradients = null;
        }
    }

    private protected override Tensor Select(Tensor ranked, StepInfo step)
    {
        var k = (int)StepK(step);
        if (_options.Beta == 0) return Largest.OfRows(ranked, k).relu();
        var gradients = _gradients ?? throw new OptionsException("The choice by gradients needs a column of them.");
        var effects = gradients.matmul(Decoder.detach().t()).abs();
        var mean = Follow(effects.mean().item<float>());
        var z = ranked.relu();
        var places = (z.detach() * (effects * (_options.Beta / mean) + 1)).topk(k, 1, sorted: false).indexes;
        return z.zeros_like().scatter(1, places, z.gather(1, places));
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new TopKCoder(card, RankedWeights(), (int)K);

    private double Follow(double newest)
    {
        var before = _scale.item<double>();
        var mean = before < 0 ? newest : (1 - _options.Rate) * before + _options.Rate * newest;
        using var frozen = no_grad();
        _scale.fill_(mean);
        return Math.Max(mean, 1e-30);
    }
}
