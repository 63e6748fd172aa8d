using Prisma.Engine;
using TorchSharp;

namespace Prisma.Core;

/// <summary>The memory of a contiguous CPU tensor, borrowed.</summary>
internal sealed class TensorBytes(string label, torch.Tensor tensor) : ByteStore(label, tensor.numel() * tensor.element_size())
{
    protected override void ReadCore(long offset, Span<byte> into) => Extras.Memory(tensor, offset, into.Length).CopyTo(into);
}
