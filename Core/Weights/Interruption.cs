using Prisma.Engine;

namespace Prisma.Core;

/// <summary>For a program that is told to stop in the middle of its work.</summary>
public static class Interruption
{
    /// <summary>Removes the temporary files of writes that will not be finished and ends the process at once, whatever its other threads do. Does not return.</summary>
    public static void End(int exitCode)
    {
        AtomicFile.RemoveUnfinished();
        ProcessEnd.Now(exitCode);
    }
}
