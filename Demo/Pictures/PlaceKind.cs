namespace Prisma.Demo;

/// <summary>Where the object of a captioned picture stands: row by row, so that a place's number is 3 · row + column.</summary>
public enum PlaceKind
{
    UpperLeft,
    Top,
    UpperRight,
    Left,
    Centre,
    Right,
    LowerLeft,
    Bottom,
    LowerRight,
}
