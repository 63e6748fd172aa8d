namespace Prisma.Circuits;

/// <summary>What is held at the unchanged run while supernodes are driven.</summary>
public enum InterventionHold
{
    /// <summary>Nothing: everything behind is computed anew.</summary>
    Nothing,
    /// <summary>Attention patterns, as attribution graphs hold them.</summary>
    Attention,
    /// <summary>Attention patterns, the scales of all norms and what MLPs write: only direct effects are left, which are the graph's edges.</summary>
    AllButDirect,
}
