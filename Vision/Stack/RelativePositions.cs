namespace Prisma.Vision;

/// <summary>Whether attention scores have a bias by the distance of two patches.</summary>
public enum RelativePositions
{
    /// <summary>No.</summary>
    None,
    /// <summary>Each block has its own table.</summary>
    PerBlock,
    /// <summary>All blocks share one.</summary>
    Shared,
}
