namespace Prisma.Sae;

/// <summary>Which tokens of an example become rows.</summary>
public enum TokenFilter
{
    /// <summary>Every token.</summary>
    All,

    /// <summary>The class token alone.</summary>
    Cls,

    /// <summary>The tokens that have a place on the picture or in the film.</summary>
    Spatial,

    /// <summary>Everything but the tokens that stand before the grid and belong to no place: class token, registers, the token that opens a text.</summary>
    NoSpecial,
}
