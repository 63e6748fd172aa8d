using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What one coder sees of a batch: inputs [n, d_in] and targets [n, d_out], the same tensor for an autoencoder. Borrowed.</summary>
/// <param name="Inputs">What is encoded.</param>
/// <param name="Targets">What is predicted.</param>
public readonly record struct TrainRows(Tensor Inputs, Tensor Targets)
{
    /// <summary>How the model's loss changes with the inputs, [n, d_in], for coders that choose features by it; null where the data does not say.</summary>
    public Tensor? Gradients { get; init; }

    /// <summary>What the model makes of a prediction, for coders that are trained end to end; null where rows come without their model.</summary>
    public PredictionRun? Onward { get; init; }
}
