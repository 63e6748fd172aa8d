namespace Prisma.Demo;

/// <summary>A colour as red, green and blue in 0–255, kept as floats while a scene is painted.</summary>
public readonly record struct Rgb(float R, float G, float B)
{
    /// <summary>The colour with every channel multiplied and held within 0–255.</summary>
    public Rgb Scale(float by) => new(Math.Clamp(R * by, 0, 255), Math.Clamp(G * by, 0, 255), Math.Clamp(B * by, 0, 255));

    /// <summary>The mixture (1 − t)·this + t·other.</summary>
    public Rgb Mix(Rgb other, float t) => new(R + (other.R - R) * t, G + (other.G - G) * t, B + (other.B - B) * t);

    /// <summary>The palette's value of a named colour.</summary>
    public static Rgb Of(ColourKind colour) => colour switch
    {
        ColourKind.Red => new(226, 44, 52),
        ColourKind.Orange => new(246, 134, 28),
        ColourKind.Yellow => new(248, 218, 60),
        ColourKind.Green => new(56, 176, 72),
        ColourKind.Blue => new(44, 108, 226),
        ColourKind.Purple => new(156, 66, 200),
        _ => throw new ArgumentOutOfRangeException(nameof(colour)),
    };
}
