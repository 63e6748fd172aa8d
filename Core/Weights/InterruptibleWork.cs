namespace Prisma.Core;

/// <summary>Work that comes to an orderly end when it is asked to. Disposing it says that it is over.</summary>
public sealed class InterruptibleWork : IDisposable
{
    internal InterruptibleWork(CancellationToken token) => Token = token;

    /// <summary>Cancelled when the work is to end.</summary>
    public CancellationToken Token { get; }

    /// <inheritdoc/>
    public void Dispose() => Interruption.Finish();
}
