using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>How well the features of a coder stand for what was drawn. Fitted or counted on one half of the scenes, scored on the other.</summary>
public sealed record SceneScores
{
    /// <summary>Scenes in both halves.</summary>
    public required int Scenes { get; init; }

    /// <summary>Objects in both halves that cover at least one patch.</summary>
    public required int Objects { get; init; }

    /// <summary>The best feature for each property, on patches; null for a coder that reads no patches.</summary>
    public required TruthReport? Truth { get; init; }

    /// <summary>Mean F1 of scenes rebuilt from precise features alone; NaN for a coder that reads no patches.</summary>
    public required double Reconstruction { get; init; }

    /// <summary>By property and number of features, the accuracy of a sparse probe: does this object have it?</summary>
    public required IReadOnlyList<SceneProbe> Probes { get; init; }

    /// <summary>By attribute (<c>shape</c>, <c>colour</c>, <c>texture</c>) and number of features, targeted probe perturbation.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyDictionary<int, double>> Targeted { get; init; }

    /// <summary>Spurious-correlation removal on pairs of shapes and colours.</summary>
    public required IReadOnlyList<SceneSpurious> Spurious { get; init; }

    /// <summary>Mean over properties of the accuracy of probes on so many features.</summary>
    public double ProbeAccuracy(int features) => Probes.Average(probe => probe.Accuracies[features]);

    /// <summary>Mean absorbed share over properties; NaN where no probe finds its property.</summary>
    public double Absorption => Probes.Select(probe => probe.Absorption).Where(score => score is { Examples: > 0 }).Select(score => score!.Fraction)
        .DefaultIfEmpty(double.NaN).Average();
}
