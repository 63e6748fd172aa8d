using static TorchSharp.torch;

namespace Prisma.Tests;

/// <summary>Counts native tensors around work that must leave none behind.</summary>
internal static class Leaks
{
    /// <summary>Does <paramref name="warmUp"/> once, so that what is made once is there, then the work; as many tensors live after it as before.</summary>
    internal static void None(Action warmUp, Action work)
    {
        warmUp();
        // What tests before this one left to the finalizer is not ours.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var before = Tensor.TotalCount;
        work();
        Assert.Equal(before, Tensor.TotalCount);
    }

    /// <summary>The same for work that is done once and then three times more.</summary>
    internal static void None(Action work) => None(work, () =>
    {
        for (var k = 0; k < 3; k++) work();
    });
}
