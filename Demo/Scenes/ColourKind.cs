namespace Prisma.Demo;

/// <summary>The colour of an object. Colour, texture and shape are drawn independently of each other.</summary>
public enum ColourKind
{
    Red,
    Orange,
    Yellow,
    Green,
    Blue,
    Purple,
}
