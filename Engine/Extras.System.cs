using System.Runtime.InteropServices;
using TorchSharp;

namespace Prisma.Engine;

/// <summary>What TorchSharp's public API lacks. The file beside this one composes the same from that API.</summary>
internal static class Extras
{
    /// <summary>The memory of a contiguous CPU tensor, for a reader to fill without a second buffer. Valid while the tensor lives.</summary>
    internal static unsafe Span<byte> Memory(torch.Tensor tensor) => tensor.bytes;

    /// <summary>A part of the memory of a contiguous CPU tensor of any size, in bytes. Valid while the tensor lives.</summary>
    internal static unsafe Span<byte> Memory(torch.Tensor tensor, long start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, tensor.NumberOfElements * tensor.ElementSize - start);
        if (!tensor.is_contiguous() || tensor.device_type != DeviceType.CPU) throw new InvalidOperationException("Only the memory of a contiguous CPU tensor can be reached.");
        return length == 0 ? [] : new Span<byte>((byte*)Address(tensor) + start, length);
    }

    /// <summary>The address of a contiguous CPU tensor's first element: for native kernels and for tensors beyond 2 GiB.</summary>
    internal static nint Address(torch.Tensor tensor) => tensor.DataPointer;

    /// <summary>What a kernel asks of a tensor.</summary>
    internal static TensorFacts Facts(torch.Tensor tensor) => tensor.Facts;

    /// <summary>Rises with every in-place write.</summary>
    internal static long? Version(torch.Tensor tensor) => tensor.Version;

    /// <summary>Tensors that were left to the garbage collector's finalizer.</summary>
    internal static long FinalizedTensors => TensorHandle.Finalized;

    /// <summary>libtorch's own words on how it was built and how it runs in parallel.</summary>
    internal static unsafe string Describe()
    {
        var buffer = stackalloc byte[8192];
        NativeTorch.Check(NativeTorch.prisma_show_config(buffer, 8192), "show_config");
        return Marshal.PtrToStringUTF8((nint)buffer) ?? "";
    }
}
