using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A sparse dictionary: encode → codes → decode. Autoencoders and transcoders alike; they differ in the places they read and write. All
/// arithmetic is float32. Coders are immutable and can run on several threads at once.
/// </summary>
public interface ISparseCoder : IDisposable
{
    /// <summary>What the coder is.</summary>
    CoderCard Card { get; }

    /// <summary>What each feature writes: [F, d_out], one contiguous row per feature. Borrowed.</summary>
    Tensor Directions { get; }

    /// <summary>What each feature reads: [F, d_in], one contiguous row per feature. Borrowed.</summary>
    Tensor Detectors { get; }

    /// <summary>
    /// The codes of activations [..., d_in] (or [..., heads, d_head] with heads·d_head = d_in), one row per vector. The whole tensor is one
    /// batch where selection depends on the batch. The caller disposes them.
    /// </summary>
    /// <exception cref="Core.ShapeException">The width is not d_in.</exception>
    Codes Encode(Tensor x);

    /// <summary>
    /// The complete prediction in the target's units: decoded, skip connection added, the input's normalisation undone. The shape is that of
    /// <paramref name="x"/> with d_out in place of d_in. The caller (or its scope) disposes it.
    /// </summary>
    /// <param name="codes">Codes of <paramref name="x"/>, possibly edited.</param>
    /// <param name="x">What was encoded: skip connections and normalisation need it.</param>
    Tensor Decode(Codes codes, Tensor x);

    /// <summary>The decoder by itself, f·W_dec + b_dec: [rows, d_out]; no skip connection, in the units the decoder works in.</summary>
    Tensor DecodeAlone(Codes codes);

    /// <summary>What a change of codes adds to the prediction, Δf·W_dec in the target's units; no biases. Shaped as <see cref="Decode"/>.</summary>
    Tensor DecodeChange(Codes change, Tensor x);
}
