namespace Prisma.Circuits;

/// <summary>What the rows and columns of a table of changes are.</summary>
public enum PatchAxes
{
    /// <summary>Blocks × tokens.</summary>
    LayerToken,
    /// <summary>Blocks × heads, all tokens together.</summary>
    LayerHead,
    /// <summary>Every head of every block × tokens.</summary>
    HeadToken,
    /// <summary>Blocks × units of the last axis (neurons, channels), all tokens together.</summary>
    LayerUnit,
    /// <summary>Blocks, everything of the place together.</summary>
    Layer,
}
