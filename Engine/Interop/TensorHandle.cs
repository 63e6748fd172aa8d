using System.Runtime.InteropServices;

namespace Prisma.Engine;

/// <summary>Owns one native tensor. The garbage collector does not see native bytes, so a handle that it has to free is counted.</summary>
internal sealed class TensorHandle : SafeHandle
{
    private static long s_finalized;

    internal TensorHandle(nint pointer) : base(0, ownsHandle: true) => SetHandle(pointer);

    /// <summary>How many tensors were left to the finalizer since the process started.</summary>
    internal static long Finalized => Interlocked.Read(ref s_finalized);

    public override bool IsInvalid => handle == 0;

    protected override void Dispose(bool disposing)
    {
        if (!disposing && !IsInvalid) Interlocked.Increment(ref s_finalized);
        base.Dispose(disposing);
    }

    protected override bool ReleaseHandle()
    {
        NativeTorch.prisma_tensor_free(handle);
        return true;
    }
}
