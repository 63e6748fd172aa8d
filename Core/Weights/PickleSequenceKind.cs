namespace Prisma.Core;

/// <summary>Python's sequences and sets.</summary>
public enum PickleSequenceKind
{
    /// <summary>A list.</summary>
    List,

    /// <summary>A tuple, also torch.Size.</summary>
    Tuple,

    /// <summary>A set or frozenset, in the file's order.</summary>
    Set,
}
