namespace Prisma.Core;

/// <summary>Something between us and the hub that may go better the next time. Never leaves this folder: it becomes a <see cref="HubException"/>.</summary>
internal sealed class TransientFault(string message, TimeSpan? wait = null, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>How long the hub asks to wait.</summary>
    internal TimeSpan? Wait => wait;
}
