namespace Prisma.Vision;

/// <summary>Which tokens of a <see cref="VitStack"/> have learned positions.</summary>
public enum VitPositions
{
    /// <summary>All, those before the patches included.</summary>
    All,
    /// <summary>The class token and the patches, but not the tokens between them.</summary>
    ClassAndPatches,
    /// <summary>The patches alone.</summary>
    Patches,
    /// <summary>None.</summary>
    None,
}
