namespace Prisma.Sae;

/// <summary>How parameters follow their gradients.</summary>
public sealed record OptimizerOptions
{
    /// <summary>The rule.</summary>
    public OptimizerKind Kind { get; init; } = OptimizerKind.Adam;

    /// <summary>Step size after warm-up; null takes 2e-4 / √(features / 2¹⁴), the rule of thumb for the top-k family.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Decay of the mean of gradients; the momentum of sign descent.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay of the mean of squared gradients.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Both decays at once, in place of <see cref="Beta1"/> and <see cref="Beta2"/>.</summary>
    public IReadOnlyList<double>? Betas
    {
        get => null;
        init
        {
            if (value is null) return;
            if (value.Count != 2) throw new Core.OptionsException($"optimizer.betas needs two numbers; it has {value.Count}.");
            (Beta1, Beta2) = (value[0], value[1]);
        }
    }

    /// <summary>Added to the root of the mean square.</summary>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>Weight decay.</summary>
    public double WeightDecay { get; init; }

    /// <summary>The step size for a number of features.</summary>
    internal double Rate(int features) => LearningRate ?? 2e-4 / Math.Sqrt(features / 16384.0);

    internal void Validate(IList<string> faults)
    {
        if (LearningRate is { } rate && !(rate > 0)) faults.Add($"optimizer.learning_rate = {rate} must be above 0");
        if (!(Beta1 is >= 0 and < 1)) faults.Add($"optimizer.beta1 = {Beta1} must be in [0, 1)");
        if (!(Beta2 is >= 0 and < 1)) faults.Add($"optimizer.beta2 = {Beta2} must be in [0, 1)");
        if (!(Epsilon > 0)) faults.Add($"optimizer.epsilon = {Epsilon} must be above 0");
        if (!(WeightDecay >= 0)) faults.Add($"optimizer.weight_decay = {WeightDecay} must not be negative");
    }
}
