namespace Prisma.Demo;

/// <summary>Where the object of a captioned picture stands, from left to right.</summary>
public enum PlaceKind
{
    Left,
    Centre,
    Right,
}
