using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the standard architecture whose penalty's power falls.</summary>
public sealed record PowerAnnealOptions : StandardOptions
{
    /// <summary>Decoder rows have a fixed length, as in the paper.</summary>
    public PowerAnnealOptions() => (WeighsByLength, L1) = (false, 0.1);

    /// <summary>How the power falls.</summary>
    public AnnealOptions Anneal { get; init; } = new();

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        Anneal.Validate(faults);
        if (Norm != 1) faults.Add("norm has no meaning here: anneal says how the power falls");
    }
}

/// <summary>The standard architecture with a penalty that moves from Σ f to Σ f^p, nearer to a count. See <see cref="PowerAnnealing"/>.</summary>
[TrainedArchitecture("p_anneal")]
public sealed class TrainedPowerAnneal : TrainedStandard
{
    private readonly PowerAnnealing _annealing;
    private readonly double _weight;

    /// <summary>Random weights.</summary>
    public TrainedPowerAnneal(CoderShape shape, PowerAnnealOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_annealing, _weight) = (new PowerAnnealing(options.Anneal, AddState), options.L1);
    }

    private protected override LossTerm Charge(Tensor activity, StepInfo step) => _annealing.Charge(activity, step, _weight);
}
