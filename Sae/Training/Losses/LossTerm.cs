using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>One named part of a loss: the loss is Σ weight · value. A weight of 0 only reports.</summary>
/// <param name="Name">Its name in logs.</param>
/// <param name="Value">A scalar. Borrowed from the step's scope.</param>
/// <param name="Weight">What it is multiplied by.</param>
public readonly record struct LossTerm(string Name, Tensor Value, double Weight = 1);
