using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>Values, and the gradients of the target by them, of one pass. The tensors belong to the scope that was open.</summary>
/// <param name="Values">One per place (or the pictures).</param>
/// <param name="Gradients">In the same order and shapes.</param>
/// <param name="Scores">The target per example.</param>
/// <param name="Targets">Its name per example.</param>
public sealed record Differentiated(IReadOnlyList<Tensor> Values, IReadOnlyList<Tensor> Gradients, double[] Scores, string[] Targets);
