namespace Prisma.Vision;

/// <summary>One answer of a classifier.</summary>
/// <param name="Label">The class.</param>
/// <param name="Probability">Its share of the softmax over all classes.</param>
public sealed record LabelScore(string Label, float Probability);
