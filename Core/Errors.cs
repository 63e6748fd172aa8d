namespace Prisma.Core;

/// <summary>Something the user can act on: the message says what failed on which object, what was expected, and what to do.</summary>
public class PrismaException : Exception
{
    /// <summary>Creates the error with its message.</summary>
    public PrismaException(string message) : base(message) { }

    /// <summary>Creates the error with its message and what lay under it.</summary>
    public PrismaException(string message, Exception inner) : base(message, inner) { }
}

/// <summary>A checkpoint, SAE or tensor file that cannot be read as what it claims to be.</summary>
public sealed class CheckpointException : PrismaException
{
    /// <summary>Creates the error with its message.</summary>
    public CheckpointException(string message) : base(message) { }

    /// <summary>Creates the error with its message and what lay under it.</summary>
    public CheckpointException(string message, Exception inner) : base(message, inner) { }
}

/// <summary>A place that the model does not have.</summary>
public sealed class SiteNotFoundException(string message) : PrismaException(message);

/// <summary>Tensors whose shapes do not fit together.</summary>
public sealed class ShapeException(string message) : PrismaException(message);

/// <summary>Options that contradict each other or lie out of range; all faults at once.</summary>
public sealed class OptionsException(string message) : PrismaException(message);

/// <summary>The hub did not give what was asked for: no such repository or file, no permission, no connection, or damaged content.</summary>
public sealed class HubException : PrismaException
{
    /// <summary>Creates the error with its message.</summary>
    public HubException(string message) : base(message) { }

    /// <summary>Creates the error with its message and what lay under it.</summary>
    public HubException(string message, Exception inner) : base(message, inner) { }
}
