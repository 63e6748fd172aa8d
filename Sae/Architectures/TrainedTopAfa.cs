using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the top-AFA architecture.</summary>
public sealed record TopAfaOptions : TrainedOptions
{
    /// <summary>Weight of (‖f‖ − ‖x − b‖)².</summary>
    public double Afa { get; init; } = 1.0 / 32;

    /// <summary>Whether the norms are compared on x − b, on which features are chosen; the original code compares with ‖x‖.</summary>
    public bool AimsAtCentred { get; init; } = true;

    /// <summary>How dead features learn.</summary>
    public AuxOptions Aux { get; init; } = new();

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (!(Afa >= 0)) faults.Add($"afa = {Afa} must not be negative");
        if (!(Aux.Weight >= 0)) faults.Add($"aux.weight = {Aux.Weight} must not be negative");
        if (shape.Features < 2) faults.Add("features must be at least 2: one of them is never kept");
    }
}

/// <summary>
/// As many of the largest features of a row as it takes for ‖f‖ to come nearest ‖x − b‖, as it would be with orthogonal decoder rows: no k is chosen. No encoder
/// bias. "Evaluating and Designing Sparse Autoencoders by Approximating Quasi-Orthogonality" (Lee et al. 2025).
/// </summary>
[TrainedArchitecture("top_afa")]
public sealed class TrainedTopAfa(CoderShape shape, TopAfaOptions options, long seed) : TrainableCoder(shape, options, seed)
{
    /// <inheritdoc/>
    public override string Frozen => "top_afa";

    /// <inheritdoc/>
    public override IReadOnlyList<LossTerm> Loss(TrainRows batch, StepInfo step)
    {
        ArgumentNullException.ThrowIfNull(step);
        var normed = Normed(batch.Inputs);
        var centred = Centred(normed);
        var pre = Products(normed);
        var positive = pre.relu();
        var lengths = Decoder.norm(1);
        var codes = positive * TopAfaCoder.Kept(positive.detach() * lengths.detach(), centred.detach().norm(-1, keepdim: true));
        step.Dead.Note(codes);
        var prediction = Complete(codes.matmul(Decoder) + Bias, normed, batch.Inputs);
        var aim = options.AimsAtCentred ? centred : normed.Value;
        List<LossTerm> terms =
        [
            new("reconstruction", Distance(prediction, batch.Targets)),
            new("afa", ((codes * lengths).norm(-1) - aim.norm(-1)).square().mean(), options.Afa),
        ];
        var forward = new DenseForward(normed, pre, codes, null, Decoder);
        if (DeadLoss.Of(options.Aux, forward, step.Dead.Mask, () => (batch.Targets - prediction).detach(), batch.Targets, Bias) is { } aux)
            terms.Add(new LossTerm("aux", aux, options.Aux.Weight));
        return terms;
    }

    /// <inheritdoc/>
    protected override ISparseCoder Build(CoderCard card) => new TopAfaCoder(card, CopyWeights());
}
