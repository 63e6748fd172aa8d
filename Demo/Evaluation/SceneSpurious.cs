using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>Spurious-correlation removal for one pair of shapes and one of colours.</summary>
/// <param name="Label">What the probe shall name: "circle or square".</param>
/// <param name="Attribute">What goes with it in the biased data: "red or green".</param>
/// <param name="Score">Accuracies and scores.</param>
public sealed record SceneSpurious(string Label, string Attribute, SpuriousRemovalScore Score);
