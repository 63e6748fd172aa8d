using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Prisma.Core;

/// <summary>Brings strided values into row-major order, and foreign byte orders into ours.</summary>
internal static class Strided
{
    /// <summary>Copies the elements of a layout, whose first element is the first of <paramref name="source"/>, in row-major order.</summary>
    public static void Gather(ReadOnlySpan<byte> source, Span<byte> destination, TensorLayout layout, int itemSize)
    {
        switch (itemSize)
        {
            case 1: Gather<byte>(source, destination, layout); break;
            case 2: Gather<ushort>(source, destination, layout); break;
            case 4: Gather<uint>(source, destination, layout); break;
            case 8: Gather<ulong>(source, destination, layout); break;
            default: Gather<UInt128>(source, destination, layout); break;
        }
    }

    /// <summary>Reverses the bytes of every word.</summary>
    public static void SwapBytes(Span<byte> bytes, int wordSize)
    {
        switch (wordSize)
        {
            case 2:
                var shorts = MemoryMarshal.Cast<byte, ushort>(bytes);
                BinaryPrimitives.ReverseEndianness(shorts, shorts);
                break;
            case 4:
                var ints = MemoryMarshal.Cast<byte, uint>(bytes);
                BinaryPrimitives.ReverseEndianness(ints, ints);
                break;
            case 8:
                var longs = MemoryMarshal.Cast<byte, ulong>(bytes);
                BinaryPrimitives.ReverseEndianness(longs, longs);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(wordSize));
        }
    }

    private static void Gather<T>(ReadOnlySpan<byte> source, Span<byte> destination, TensorLayout layout) where T : unmanaged
    {
        var from = MemoryMarshal.Cast<byte, T>(source);
        var to = MemoryMarshal.Cast<byte, T>(destination);
        var rank = layout.Shape.Length;
        var columns = (int)layout.Shape[rank - 1];
        var columnStride = (int)layout.Strides[rank - 1];
        var index = new long[rank];
        var row = 0L;
        for (var done = 0; done < to.Length; done += columns)
        {
            for (var j = 0; j < columns; j++) to[done + j] = from[(int)row + j * columnStride];
            for (var axis = rank - 2; axis >= 0; axis--)
            {
                row += layout.Strides[axis];
                if (++index[axis] < layout.Shape[axis]) break;
                row -= layout.Shape[axis] * layout.Strides[axis];
                index[axis] = 0;
            }
        }
    }
}
