namespace Prisma.Core;

/// <summary>Whether the heatmaps of one sheet can be compared by colour.</summary>
public enum HeatmapScales
{
    /// <summary>One range and one legend for all.</summary>
    Common,

    /// <summary>Each has its own range and legend.</summary>
    Each,
}
