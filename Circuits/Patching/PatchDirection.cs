namespace Prisma.Circuits;

/// <summary>Which run is changed and which one gives.</summary>
public enum PatchDirection
{
    /// <summary>The corrupted run gets clean values: what suffices to bring the behaviour back.</summary>
    Denoise,
    /// <summary>The clean run gets corrupted values: what the behaviour needs.</summary>
    Noise,
}
