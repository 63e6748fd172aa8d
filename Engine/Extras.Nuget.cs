using System.Runtime.InteropServices;
using TorchSharp;

namespace Prisma.Engine;

/// <summary>What TorchSharp's public API lacks, composed from what it has.</summary>
internal static class Extras
{
    /// <summary>The memory of a contiguous CPU tensor, for a reader to fill without a second buffer. Valid while the tensor lives.</summary>
    internal static Span<byte> Memory(torch.Tensor tensor) => tensor.bytes;

    /// <summary>A part of the memory of a contiguous CPU tensor of any size, in bytes. Valid while the tensor lives.</summary>
    internal static unsafe Span<byte> Memory(torch.Tensor tensor, long start, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, tensor.NumberOfElements * tensor.ElementSize - start);
        if (!tensor.is_contiguous() || tensor.device_type != DeviceType.CPU) throw new InvalidOperationException("Only the memory of a contiguous CPU tensor can be reached.");
        return length == 0 ? [] : new Span<byte>((byte*)Address(tensor) + start, length);
    }

    /// <summary>The address of a contiguous CPU tensor's first element: for native kernels and for tensors beyond 2 GiB.</summary>
    internal static unsafe nint Address(torch.Tensor tensor)
    {
        using var flat = tensor.flatten();
        using var first = flat.slice(0, 0, 1, 1);
        fixed (byte* p = first.bytes) return (nint)p;
    }

    /// <summary>What a kernel asks of a tensor.</summary>
    internal static TensorFacts Facts(torch.Tensor tensor) => new(tensor.NumberOfElements, tensor.dtype, tensor.device_type, tensor.is_contiguous(), tensor.requires_grad);

    /// <summary>TorchSharp does not tell.</summary>
    internal static long? Version(torch.Tensor tensor) => null;

    /// <summary>TorchSharp does not tell.</summary>
    internal static long FinalizedTensors => 0;

    /// <summary>libtorch's version; TorchSharp tells no more.</summary>
    internal static string Describe() => torch.__version__;
}
