namespace Prisma.Circuits;

/// <summary>What ablating one feature does to a batch.</summary>
/// <param name="Feature">Its number.</param>
/// <param name="Drops">For each example, the target minus the target without the feature: positive where the feature speaks for it.</param>
/// <param name="LogitDrops">For each example, the same for every logit; empty where the model has no logits.</param>
public sealed record FeatureEffect(int Feature, IReadOnlyList<double> Drops, IReadOnlyList<float[]> LogitDrops);
