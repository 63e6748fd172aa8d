namespace Prisma.Demo;

/// <summary>The line along the rim of an object. White marks the one object whose shape is to be named; dark ones distract.</summary>
public enum OutlineKind
{
    None,
    Dark,
    White,
}
