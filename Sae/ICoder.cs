using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Whatever a coder's file can hold: one sparse coder (<see cref="ISparseCoder"/>), a transcoder for each layer, a cross-layer transcoder, a
/// crosscoder. All arithmetic is float32. Coders are immutable and can run on several threads at once.
/// </summary>
public interface ICoder : IDisposable
{
    /// <summary>What the coder is.</summary>
    CoderCard Card { get; }

    /// <summary>The codes of activations. The whole tensor is one batch where selection depends on the batch. The caller disposes them.</summary>
    /// <exception cref="Core.ShapeException">The activations have another shape than the coder reads.</exception>
    Codes Encode(Tensor x);

    /// <summary>
    /// The complete prediction in the target's units: decoded, skip connection added, the input's normalisation undone. Shaped as
    /// <paramref name="x"/> with d_out in place of d_in. The caller (or its scope) disposes it.
    /// </summary>
    /// <param name="codes">Codes of <paramref name="x"/>, possibly edited.</param>
    /// <param name="x">What was encoded: skip connections and normalisation need it.</param>
    Tensor Decode(Codes codes, Tensor x);

    /// <summary>The decoder by itself, f·W_dec + b_dec: rows as those of <see cref="Decode"/>; no skip connection, in the units the decoder works in.</summary>
    Tensor DecodeAlone(Codes codes);

    /// <summary>Codes of <paramref name="x"/> as one dense tensor that keeps its leading axes: [..., F].</summary>
    Tensor Shaped(Codes codes, Tensor x);

    /// <summary>
    /// Codes in the units in which features of different written length can be compared, f·norm, shaped as <see cref="Shaped"/>; null for
    /// coders that do not define such units.
    /// </summary>
    Tensor? Activations(Codes codes, Tensor x);
}
