namespace Prisma.Core;

/// <summary>Work that comes to an orderly end when it is asked to. Disposing it says that it is over.</summary>
public sealed class InterruptibleWork : IDisposable
{
    private readonly CancellationTokenSource _source;

    internal InterruptibleWork(CancellationToken further)
    {
        _source = CancellationTokenSource.CreateLinkedTokenSource(further);
        Token = _source.Token;
    }

    /// <summary>Cancelled when the work is to end.</summary>
    public CancellationToken Token { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Interruption.Finish(this);
        _source.Dispose();
    }

    internal void Cancel()
    {
        try
        {
            _source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // It ended meanwhile.
        }
    }
}
