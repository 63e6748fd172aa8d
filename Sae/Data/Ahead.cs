using System.Runtime.ExceptionServices;

namespace Prisma.Sae;

/// <summary>
/// Makes the next thing of a sequence in a thread of its own while the present one is used. One thing is made ahead, no more, so memory holds
/// two. What crosses must belong to no dispose scope. Disposing it stops the thread and disposes what was made and not taken.
/// </summary>
internal sealed class Ahead<T> : IDisposable where T : class, IDisposable
{
    private readonly SemaphoreSlim _room = new(1), _ready = new(0);
    private readonly CancellationTokenSource _stop;
    private readonly Thread _thread;
    private ExceptionDispatchInfo? _error;
    private T? _next;

    /// <param name="name">The thread's name.</param>
    /// <param name="things">Makes the sequence; it is walked through in the other thread.</param>
    /// <param name="stop">Ends the work.</param>
    internal Ahead(string name, Func<CancellationToken, IEnumerable<T>> things, CancellationToken stop)
    {
        _stop = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _thread = new Thread(() => Make(things)) { Name = name, IsBackground = true };
        _thread.Start();
    }

    /// <summary>The next thing, waiting until it is made; null at the end. The caller disposes it. What went wrong in the thread comes out here.</summary>
    internal T? Next()
    {
        _ready.Wait();
        if (_next is null)
        {
            _ready.Release();  // the end stays the end
            _error?.Throw();
            return null;
        }
        var next = _next;
        _next = null;
        _room.Release();
        return next;
    }

    public void Dispose()
    {
        _stop.Cancel();
        _thread.Join();
        _next?.Dispose();
        _stop.Dispose();
        _room.Dispose();
        _ready.Dispose();
    }

    private void Make(Func<CancellationToken, IEnumerable<T>> things)
    {
        try
        {
            using var walk = things(_stop.Token).GetEnumerator();
            for (; ; )
            {
                _room.Wait(_stop.Token);
                if (!walk.MoveNext()) break;
                _next = walk.Current;
                _ready.Release();
            }
        }
        // Nothing may end the process from a thread of ours: it is thrown again where the result is asked for.
        catch (Exception error)
        {
            _error = ExceptionDispatchInfo.Capture(error);
        }
        _ready.Release();
    }
}
