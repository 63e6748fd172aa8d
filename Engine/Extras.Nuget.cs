using System.Runtime.InteropServices;
using TorchSharp;

namespace Prisma.Engine;

/// <summary>What TorchSharp's public API lacks, composed from what it has.</summary>
internal static class Extras
{
    /// <summary>The memory of a contiguous CPU tensor, for a reader to fill without a second buffer. Valid while the tensor lives.</summary>
    internal static Span<byte> Memory(torch.Tensor tensor) => tensor.bytes;

    /// <summary>The address of a contiguous CPU tensor's first element: for native kernels and for tensors beyond 2 GiB.</summary>
    internal static unsafe nint Address(torch.Tensor tensor)
    {
        using var first = tensor.flatten().slice(0, 0, 1, 1);
        fixed (byte* p = first.bytes) return (nint)p;
    }

    /// <summary>TorchSharp does not tell.</summary>
    internal static long? Version(torch.Tensor tensor) => null;

    /// <summary>TorchSharp does not tell.</summary>
    internal static long FinalizedTensors => 0;

    /// <summary>libtorch's version; TorchSharp tells no more.</summary>
    internal static string Describe() => torch.__version__;
}
