using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>The place of what a module adds to its input: formed only when a plan names it, put back as a difference.</summary>
internal static class StreamUpdate
{
    /// <summary>
    /// The module's output y after the place of y − x was visited. An edit enters as y + (edited − (y − x)), so cells that it leaves alone keep
    /// their bits, and nothing named gives y itself.
    /// </summary>
    internal static Tensor Pass(HookPoint point, Tensor x, Tensor y, HookRun run)
    {
        if (!run.Wants(point)) return y;
        var update = y - x;
        var passed = point.Pass(update, run);
        return ReferenceEquals(passed, update) ? y : y + (passed - update);
    }
}
