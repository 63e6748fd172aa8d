using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What one coder sees of a batch: inputs [n, d_in] and targets [n, d_out], the same tensor for an autoencoder. Borrowed.</summary>
/// <param name="Inputs">What is encoded.</param>
/// <param name="Targets">What is predicted.</param>
public readonly record struct TrainRows(Tensor Inputs, Tensor Targets);
