namespace Prisma.Sae;

/// <summary>Which tokens a coder was trained on, and so the only ones that it reads and replaces.</summary>
public enum TokenScope
{
    /// <summary>Every token.</summary>
    All,

    /// <summary>The class token alone.</summary>
    Cls,

    /// <summary>The tokens that have a place on the picture: no class token, no registers.</summary>
    Patches,
}
