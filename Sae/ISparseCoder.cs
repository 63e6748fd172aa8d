using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A sparse dictionary with one list of features: encode → codes → decode. Autoencoders and transcoders alike; they differ in the places they
/// read and write. Activations are [..., d_in], or [..., heads, d_head] and [..., sites, d] with a product of d_in; codes have one row per
/// vector.
/// </summary>
public interface ISparseCoder : ICoder
{
    /// <summary>What each feature writes: [F, d_out], one contiguous row per feature. Borrowed.</summary>
    Tensor Directions { get; }

    /// <summary>What each feature reads: [F, d_in], one contiguous row per feature. Borrowed.</summary>
    Tensor Detectors { get; }

    /// <summary>What a change of codes adds to the prediction, Δf·W_dec in the target's units; no biases. Shaped as <see cref="ICoder.Decode"/>.</summary>
    Tensor DecodeChange(Codes change, Tensor x);
}
