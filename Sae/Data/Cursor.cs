namespace Prisma.Sae;

/// <summary>How far a source has been read: all that is needed to go on after a stop.</summary>
/// <param name="Rows">Rows delivered since the start, over all rounds through the data.</param>
public readonly record struct Cursor(long Rows)
{
    /// <summary>Nothing read yet.</summary>
    public static Cursor Start { get; } = new(0);
}
