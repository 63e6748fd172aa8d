namespace Prisma.Demo;

/// <summary>What an object is: the classes that the demo's vision transformer tells apart.</summary>
public enum ShapeKind
{
    Circle,
    Square,
    Triangle,
    Star,
    Cross,
    Heart,
}
