namespace Prisma.Core;

/// <summary>How the value between token centres is found.</summary>
public enum HeatmapSampling
{
    /// <summary>Linear between the centres, constant beyond the outermost (corners not aligned).</summary>
    Bilinear,

    /// <summary>One value for all of a token's pixels.</summary>
    Blocks,
}
