namespace Prisma.Sae;

/// <summary>
/// The k·rows largest positive pre-activations of the whole batch, so that hard rows get more features; frozen with the running threshold.
/// "BatchTopK Sparse Autoencoders" (Bussmann et al. 2024).
/// </summary>
[TrainedArchitecture("batchtopk")]
public sealed class TrainedBatchTopK(CoderShape shape, SelectiveOptions options, long seed) : BatchwiseCoder(shape, options, seed);
