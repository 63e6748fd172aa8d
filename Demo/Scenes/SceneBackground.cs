namespace Prisma.Demo;

/// <summary>The ground of a scene: two muted tones, a pattern between them, and specks in the colours of the objects.</summary>
public sealed record SceneBackground
{
    /// <summary>The pattern that mixes the two tones.</summary>
    public required BackgroundKind Kind { get; init; }

    /// <summary>The first tone, 0–255 per channel.</summary>
    public required Rgb From { get; init; }

    /// <summary>The second tone.</summary>
    public required Rgb To { get; init; }

    /// <summary>The direction of gradients, bands and tiles.</summary>
    public required (float Cos, float Sin) Turn { get; init; }

    /// <summary>The pattern's repeat in scene units.</summary>
    public required float Period { get; init; }

    /// <summary>A (g × g) lattice of mixing weights in 0–1, one knot every <see cref="Period"/> units: the clouds.</summary>
    public required IReadOnlyList<float> Lattice { get; init; }

    /// <summary>Small discs in the objects' colours: colours without an object.</summary>
    public required IReadOnlyList<Speck> Specks { get; init; }

    /// <summary>A small disc on the ground; lengths in scene units.</summary>
    public readonly record struct Speck(float X, float Y, float Radius, ColourKind Colour);
}
