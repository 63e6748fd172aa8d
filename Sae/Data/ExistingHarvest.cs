namespace Prisma.Sae;

/// <summary>What to do with a harvest that is already in the folder.</summary>
public enum ExistingHarvest
{
    /// <summary>Go on with it if its settings are the same; refuse otherwise.</summary>
    Continue,

    /// <summary>Remove its files and start anew.</summary>
    Replace,
}
