using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// The k·rows largest positive entries anywhere in the batch, as <c>batchtopk</c>, with a loss for features that fire too seldom by a Zipf law. See
/// <see cref="ZipfDensity"/>.
/// </summary>
[TrainedArchitecture("mutual_choice")]
public sealed class TrainedMutualChoice : BatchwiseCoder
{
    private readonly ZipfChoiceOptions _options;
    private readonly ZipfDensity _density;

    /// <summary>Random weights.</summary>
    public TrainedMutualChoice(CoderShape shape, ZipfChoiceOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _density = new ZipfDensity(options.Zipf, Shape.Features, options.K, AddState);
    }

    // Features that fall short learn whether they were kept or not: there is no sparse way.
    private protected override Func<StepInfo, SparseSelection>? Selection => null;

    private protected override IEnumerable<LossTerm> Terms(SelectiveForward forward, TrainRows batch, StepInfo step) =>
        base.Terms(forward, batch, step).Concat(_density.Terms(_options, (DenseForward)forward, (batch.Targets - Predicted(forward, batch)).detach()));
}
