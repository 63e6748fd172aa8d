namespace Prisma.Demo;

/// <summary>
/// One object of a scene. Lengths are in scene units: a scene is <see cref="Scene.Width"/> units wide and high,
/// x to the right and y downwards. Directions are unit vectors (cosine, sine), so that no platform's trigonometry enters a scene.
/// </summary>
public sealed record SceneObject
{
    /// <summary>The class of the object.</summary>
    public required ShapeKind Shape { get; init; }

    /// <summary>The main colour.</summary>
    public required ColourKind Colour { get; init; }

    /// <summary>The pattern of the fill.</summary>
    public required TextureKind Texture { get; init; }

    /// <summary>The line along the rim.</summary>
    public required OutlineKind Outline { get; init; }

    /// <summary>The centre, from the left edge.</summary>
    public required float X { get; init; }

    /// <summary>The centre, from the upper edge.</summary>
    public required float Y { get; init; }

    /// <summary>Half the object's extent, about: every shape covers nearly the same area at the same radius.</summary>
    public required float Radius { get; init; }

    /// <summary>Where the shape's own x axis points.</summary>
    public required (float Cos, float Sin) Turn { get; init; }

    /// <summary>Where the texture's own x axis points.</summary>
    public required (float Cos, float Sin) TextureTurn { get; init; }

    /// <summary>The pattern's repeat.</summary>
    public required float TexturePeriod { get; init; }

    /// <summary>Brightness relative to the palette's, about 1.</summary>
    public required float Brightness { get; init; }

    /// <summary>True for the one object whose shape is the scene's class.</summary>
    public bool Marked => Outline == OutlineKind.White;

    /// <summary>The object in words: "a red striped circle".</summary>
    public string Describe()
    {
        string texture = Texture == TextureKind.Plain ? "" : Lower(Texture) + " ";
        string colour = Lower(Colour);
        string article = "aeiou".Contains(colour[0]) ? "an" : "a";
        string mark = Marked ? " with a white outline" : "";
        return $"{article} {colour} {texture}{Lower(Shape)}{mark}";
    }

    private static string Lower<T>(T value) where T : struct, Enum => value.ToString().ToLowerInvariant();
}
