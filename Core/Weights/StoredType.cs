namespace Prisma.Core;

/// <summary>
/// Element types of stored tensors, named as safetensors names them. The order is that library's: its writer puts higher ones first,
/// so that every tensor starts at a multiple of its element size.
/// </summary>
public enum StoredType
{
    /// <summary>One byte, 0 or 1.</summary>
    BOOL,

    /// <summary>Unsigned 8-bit integer.</summary>
    U8,

    /// <summary>Signed 8-bit integer.</summary>
    I8,

    /// <summary>8-bit float, 5 exponent bits, with infinities.</summary>
    F8_E5M2,

    /// <summary>8-bit float, 4 exponent bits, no infinities (the "fn" variant).</summary>
    F8_E4M3,

    /// <summary>8-bit power of two, used as a scale.</summary>
    F8_E8M0,

    /// <summary>Signed 16-bit integer.</summary>
    I16,

    /// <summary>Unsigned 16-bit integer.</summary>
    U16,

    /// <summary>IEEE half precision.</summary>
    F16,

    /// <summary>The upper half of a 32-bit float.</summary>
    BF16,

    /// <summary>Signed 32-bit integer.</summary>
    I32,

    /// <summary>Unsigned 32-bit integer.</summary>
    U32,

    /// <summary>IEEE single precision.</summary>
    F32,

    /// <summary>Two 32-bit floats.</summary>
    C64,

    /// <summary>IEEE double precision.</summary>
    F64,

    /// <summary>Signed 64-bit integer.</summary>
    I64,

    /// <summary>Unsigned 64-bit integer.</summary>
    U64,

    /// <summary>Two 64-bit floats; not a safetensors type.</summary>
    C128,
}
