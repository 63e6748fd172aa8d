using TorchSharp;

namespace Prisma.Engine;

/// <summary>What a kernel asks of a tensor, in one look: each question by itself is a call into native code.</summary>
internal readonly record struct TensorFacts(long Count, torch.ScalarType Type, DeviceType Device, bool IsDense, bool NeedsGradient)
{
    /// <summary>Whether a kernel over plain memory can read it as it lies.</summary>
    internal bool IsPlain => IsDense && Device == DeviceType.CPU;
}
