using static TorchSharp.torch;

namespace Prisma.Engine;

/// <summary>Errors of predictions from sparse rows, with their gradients.</summary>
/// <param name="Squares">Σ weight·‖error‖² of each prefix.</param>
/// <param name="Gradients">[groups, n, d]: what a feature of group g feels, the sum over the prefixes g and beyond. The first is what the bias feels.</param>
/// <param name="Codes">What each entry's value feels: [E].</param>
internal readonly record struct SparseError(double[] Squares, Tensor Gradients, Tensor Codes);
