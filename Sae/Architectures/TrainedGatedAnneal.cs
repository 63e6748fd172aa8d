using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Options of the gated architecture whose penalty's power falls.</summary>
public sealed record GatedAnnealOptions : GatedOptions
{
    /// <summary>How the power falls; the reference charges Σ f^p here.</summary>
    public AnnealOptions Anneal { get; init; } = new() { TakesRoot = false };

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        Anneal.Validate(faults);
    }
}

/// <summary>The gated architecture with a penalty on the gate that moves from Σ π to Σ π^p. See <see cref="PowerAnnealing"/>.</summary>
[TrainedArchitecture("gated_p_anneal")]
public sealed class TrainedGatedAnneal : TrainedGated
{
    private readonly PowerAnnealing _annealing;
    private readonly double _weight;

    /// <summary>Random weights.</summary>
    public TrainedGatedAnneal(CoderShape shape, GatedAnnealOptions options, long seed) : base(shape, options, seed)
    {
        ArgumentNullException.ThrowIfNull(options);
        (_annealing, _weight) = (new PowerAnnealing(options.Anneal, AddState), options.L1);
    }

    private protected override LossTerm Charge(Tensor activity, StepInfo step) => _annealing.Charge(activity, step, _weight);
}
