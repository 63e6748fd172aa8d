namespace TorchSharp;

/// <summary>
/// Disposes at its end every tensor made in it on this thread and not moved out. Scopes nest; a tensor knows its scope, so moving one
/// out costs a field and the list keeps a stale entry that is skipped (and swept when stale entries outnumber live ones).
/// </summary>
public sealed class DisposeScope : IDisposable
{
    private List<torch.Tensor>? _items = [];
    private int _live;

    internal DisposeScope(DisposeScope? outer) => OuterScope = outer;

    internal DisposeScope? OuterScope { get; private set; }

    /// <summary>The number of disposables currently held in the scope.</summary>
    public int DisposablesCount => _items is null ? throw new ObjectDisposedException(nameof(DisposeScope)) : _live;

    internal bool IsDisposed => _items is null;

    public T MoveToOuter<T>(T disposable) where T : IDisposable => MoveToOther(OuterScope, disposable);

    public T MoveToOther<T>(DisposeScope? scope, T disposable) where T : IDisposable
    {
        if (disposable is not torch.Tensor tensor) return disposable;
        tensor.LeaveScope();
        scope?.Add(tensor);
        return disposable;
    }

    public T Detach<T>(T disposable) where T : IDisposable => MoveToOther(null, disposable);

    public void Detach(params IDisposable[] disposables)
    {
        foreach (var item in disposables) Detach(item);
    }

    public void Attach(IDisposable disposable) => MoveToOther(this, disposable);

    public void DisposeEverything()
    {
        if (_items is null) throw new ObjectDisposedException(nameof(DisposeScope));
        Clear(_items);
    }

    public void Dispose()
    {
        if (_items is not { } items) return;
        Clear(items);
        _items = null;
        DisposeScopeManager.Close(this);
        OuterScope = null;
    }

    internal void Add(torch.Tensor tensor)
    {
        if (_items is not { } items) throw new ObjectDisposedException(nameof(DisposeScope));
        if (items.Count > 2 * _live + 64) items.RemoveAll(item => item.OwningScope != this);
        items.Add(tensor);
        tensor.OwningScope = this;
        _live++;
    }

    internal void Forget(torch.Tensor tensor)
    {
        tensor.OwningScope = null;
        _live--;
    }

    private void Clear(List<torch.Tensor> items)
    {
        foreach (var item in items)
            if (item.OwningScope == this) item.Dispose();
        items.Clear();
        _live = 0;
    }
}

/// <summary>The innermost open scope of each thread.</summary>
public sealed class DisposeScopeManager
{
    [ThreadStatic] private static DisposeScope? t_current;

    private DisposeScopeManager() { }

    internal static DisposeScope? Current => t_current;

    internal static DisposeScope Open() => t_current = new DisposeScope(t_current);

    // A scope closed out of order takes the scopes inside it off the stack as well; their tensors stay theirs until they are closed.
    internal static void Close(DisposeScope scope)
    {
        for (var open = t_current; open is not null; open = open.OuterScope)
            if (open == scope)
            {
                t_current = scope.OuterScope;
                return;
            }
    }
}

