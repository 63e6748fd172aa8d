namespace Prisma.Sae;

/// <summary>Options of the archetypal architecture.</summary>
public sealed record ArchetypalOptions : TrainedOptions
{
    /// <summary>Neither side has a bias.</summary>
    public ArchetypalOptions()
    {
        InputBias = BiasUse.None;
        Reconstruction = ReconstructionLoss.Mse;
        Start = new StartOptions { Bias = StartBias.Zero };
    }

    /// <summary>Features per row.</summary>
    public int K { get; init; } = 32;

    /// <summary>Points of the data of which features are mixtures; null takes as many as features. The paper has 32,000.</summary>
    public int? Candidates { get; init; }

    /// <summary>Rows among which the points are found.</summary>
    public int CandidateRows { get; init; } = 65_536;

    /// <summary>Rounds of k-means by which they are found.</summary>
    public int Rounds { get; init; } = 10;

    /// <summary>δ: how far a feature may leave the hull of the points; 0 keeps it inside (archetypal), above 0 is relaxed.</summary>
    public double Relaxation { get; init; } = 1;

    /// <summary>Weight of the mean pre-activation of dead features, which is raised.</summary>
    public double Reanimation { get; init; } = 1e-3;

    /// <inheritdoc/>
    public override void Validate(CoderShape shape, IList<string> faults)
    {
        base.Validate(shape, faults);
        if (K < 1 || K > shape.Features) faults.Add($"k = {K} must be between 1 and the number of features, {shape.Features}");
        if (Candidates is < 2) faults.Add($"candidates = {Candidates} must be at least 2");
        if (CandidateRows < (Candidates ?? shape.Features)) faults.Add($"candidate_rows = {CandidateRows} must be at least the number of candidates, {Candidates ?? shape.Features}");
        if (Rounds < 0) faults.Add($"rounds = {Rounds} must not be negative");
        if (!(Relaxation >= 0)) faults.Add($"relaxation = {Relaxation} must not be negative");
        if (!(Reanimation >= 0)) faults.Add($"reanimation = {Reanimation} must not be negative");
        if (InputBias != BiasUse.None || Start.Bias != StartBias.Zero) faults.Add("archetypal coders have no biases: leave input_bias and start.bias as they are");
        if (Skip) faults.Add("skip is not built for archetypal coders");
    }
}
