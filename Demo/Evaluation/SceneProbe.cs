using Prisma.Sae;

namespace Prisma.Demo;

/// <summary>Probes for one drawn property, told apart from all others on as many objects without it; chance is 0.5.</summary>
/// <param name="Property">The property.</param>
/// <param name="Activations">Accuracy of a probe on all channels of the activations: what there is to find.</param>
/// <param name="Accuracies">By number of features, the accuracy of a probe on so many.</param>
/// <param name="Features">The features of the largest probe, the most telling first.</param>
/// <param name="Absorption">How much of the property other features have swallowed; null where the probe on activations is no guide (F1 of 0.6 or less).</param>
public sealed record SceneProbe(string Property, double Activations, IReadOnlyDictionary<int, double> Accuracies, IReadOnlyList<int> Features, AbsorptionScore? Absorption);
