namespace Prisma.Demo;

/// <summary>How an object is filled: its colour alone, or with a darker tone of it as a pattern.</summary>
public enum TextureKind
{
    Plain,
    Striped,
    Dotted,
    Checkered,
}
