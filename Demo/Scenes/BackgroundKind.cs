namespace Prisma.Demo;

/// <summary>What lies behind the objects: muted tones in one of these patterns.</summary>
public enum BackgroundKind
{
    Gradient,
    Clouds,
    Bands,
    Tiles,
}
