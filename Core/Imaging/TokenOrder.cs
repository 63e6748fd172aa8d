namespace Prisma.Core;

/// <summary>In which order the tokens of a video follow each other. For one frame both are rows from the top, columns from the left.</summary>
public enum TokenOrder
{
    /// <summary>All places of the first time step, then of the next.</summary>
    TimeMajor,

    /// <summary>All time steps of the first place, then of the next (TimeSformer).</summary>
    SpaceMajor,
}
