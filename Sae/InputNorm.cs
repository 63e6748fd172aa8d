namespace Prisma.Sae;

/// <summary>
/// What is done to each vector before encoding and undone after decoding. Scales that are the same for all vectors are no norm: they are
/// folded into the weights when a file is read.
/// </summary>
public enum InputNorm
{
    /// <summary>Vectors as they are.</summary>
    None,

    /// <summary>(x − mean) / (std + 1e-5) over the vector, with the n − 1 standard deviation; undone as ·std + mean.</summary>
    LayerNorm,

    /// <summary>Each vector to length √d, <c>constant_norm_rescale</c>; undone by its own factor.</summary>
    ConstantNorm,
}
