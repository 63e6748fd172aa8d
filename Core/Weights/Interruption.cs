using Prisma.Engine;

namespace Prisma.Core;

/// <summary>For a program that is told to stop in the middle of its work.</summary>
public static class Interruption
{
    private static readonly Lock s_lock = new();
    private static readonly List<InterruptibleWork> s_going = [];

    /// <summary>Announces work that comes to an orderly end when its token is cancelled; until it is disposed, <see cref="Ask"/> cancels it.</summary>
    /// <param name="further">Cancels it too.</param>
    public static InterruptibleWork Begin(CancellationToken further = default)
    {
        var work = new InterruptibleWork(further);
        lock (s_lock) s_going.Add(work);
        return work;
    }

    /// <summary>Asks all announced work to end.</summary>
    /// <returns>Whether any will: false where there is none, or it has been asked before.</returns>
    public static bool Ask()
    {
        InterruptibleWork[] going;
        lock (s_lock) going = [.. s_going.Where(work => !work.Token.IsCancellationRequested)];
        foreach (var work in going) work.Cancel();
        return going.Length > 0;
    }

    /// <summary>Removes the temporary files of writes that will not be finished and ends the process at once, whatever its other threads do. Does not return.</summary>
    public static void End(int exitCode)
    {
        AtomicFile.RemoveUnfinished();
        ProcessEnd.Now(exitCode);
    }

    internal static void Finish(InterruptibleWork work)
    {
        lock (s_lock) s_going.Remove(work);
    }
}
