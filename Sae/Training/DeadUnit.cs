namespace Prisma.Sae;

/// <summary>What the counters of silent features count.</summary>
public enum DeadUnit
{
    /// <summary>Rows of data.</summary>
    Rows,

    /// <summary>Steps of training.</summary>
    Steps,
}
