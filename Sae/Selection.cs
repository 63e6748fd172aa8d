namespace Prisma.Sae;

/// <summary>How a coder whose training selected over the whole batch chooses its active features.</summary>
public enum Selection
{
    /// <summary>By the stored threshold: each row on its own.</summary>
    Threshold,

    /// <summary>The k·rows largest of everything that is encoded together.</summary>
    Batch,
}
