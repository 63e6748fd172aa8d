using System.Buffers.Binary;

namespace Prisma.Core;

/// <summary>Facts about the element types.</summary>
internal static class StoredTypes
{
    public static int ItemSize(this StoredType type) => type switch
    {
        StoredType.BOOL or StoredType.U8 or StoredType.I8 or StoredType.F8_E4M3 or StoredType.F8_E5M2 or StoredType.F8_E8M0 => 1,
        StoredType.I16 or StoredType.U16 or StoredType.F16 or StoredType.BF16 => 2,
        StoredType.I32 or StoredType.U32 or StoredType.F32 => 4,
        StoredType.F64 or StoredType.I64 or StoredType.U64 or StoredType.C64 => 8,
        StoredType.C128 => 16,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>Bytes that are swapped together in a file of the other byte order: a complex number is two of them.</summary>
    public static int WordSize(this StoredType type) => type switch
    {
        StoredType.C64 => 4,
        StoredType.C128 => 8,
        _ => type.ItemSize(),
    };

    /// <summary>The value of one little-endian element of an unsigned type.</summary>
    public static ulong ToUInt64(this StoredType type, ReadOnlySpan<byte> item) => type switch
    {
        StoredType.U16 => BinaryPrimitives.ReadUInt16LittleEndian(item),
        StoredType.U32 => BinaryPrimitives.ReadUInt32LittleEndian(item),
        StoredType.U64 => BinaryPrimitives.ReadUInt64LittleEndian(item),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>The value of one little-endian element; the real part of complex ones.</summary>
    public static double ToDouble(this StoredType type, ReadOnlySpan<byte> item) => type switch
    {
        StoredType.BOOL => item[0] != 0 ? 1 : 0,
        StoredType.U8 => item[0],
        StoredType.I8 => (sbyte)item[0],
        StoredType.F8_E4M3 => Float8.E4M3[item[0]],
        StoredType.F8_E5M2 => Float8.E5M2[item[0]],
        StoredType.F8_E8M0 => Float8.E8M0[item[0]],
        StoredType.I16 => BinaryPrimitives.ReadInt16LittleEndian(item),
        StoredType.U16 => BinaryPrimitives.ReadUInt16LittleEndian(item),
        StoredType.F16 => (double)BinaryPrimitives.ReadHalfLittleEndian(item),
        StoredType.BF16 => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(item) << 16),
        StoredType.I32 => BinaryPrimitives.ReadInt32LittleEndian(item),
        StoredType.U32 => BinaryPrimitives.ReadUInt32LittleEndian(item),
        StoredType.F32 or StoredType.C64 => BinaryPrimitives.ReadSingleLittleEndian(item),
        StoredType.F64 or StoredType.C128 => BinaryPrimitives.ReadDoubleLittleEndian(item),
        StoredType.I64 => BinaryPrimitives.ReadInt64LittleEndian(item),
        StoredType.U64 => BinaryPrimitives.ReadUInt64LittleEndian(item),
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };
}
