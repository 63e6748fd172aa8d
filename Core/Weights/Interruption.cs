using Prisma.Engine;

namespace Prisma.Core;

/// <summary>For a program that is told to stop in the middle of its work.</summary>
public static class Interruption
{
    private static readonly Lock s_lock = new();
    private static CancellationTokenSource? s_work;

    /// <summary>Announces work that comes to an orderly end when its token is cancelled; until it is disposed, <see cref="Ask"/> cancels it.</summary>
    /// <exception cref="InvalidOperationException">Such work is going on already.</exception>
    public static InterruptibleWork Begin(CancellationToken further = default)
    {
        lock (s_lock)
        {
            if (s_work is not null) throw new InvalidOperationException("Only one piece of work can be interruptible at a time.");
            s_work = CancellationTokenSource.CreateLinkedTokenSource(further);
            return new InterruptibleWork(s_work.Token);
        }
    }

    /// <summary>Asks the announced work to end.</summary>
    /// <returns>Whether it will: false where there is none, or it has been asked before.</returns>
    public static bool Ask()
    {
        lock (s_lock)
        {
            if (s_work is null || s_work.IsCancellationRequested) return false;
            s_work.Cancel();
            return true;
        }
    }

    /// <summary>Removes the temporary files of writes that will not be finished and ends the process at once, whatever its other threads do. Does not return.</summary>
    public static void End(int exitCode)
    {
        AtomicFile.RemoveUnfinished();
        ProcessEnd.Now(exitCode);
    }

    internal static void Finish()
    {
        lock (s_lock)
        {
            s_work?.Dispose();
            s_work = null;
        }
    }
}
