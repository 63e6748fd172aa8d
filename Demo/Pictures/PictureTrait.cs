namespace Prisma.Demo;

/// <summary>What a caption says of its picture. The judge answers all at once: the answers of a trait are neighbours among its outputs.</summary>
public enum PictureTrait
{
    Shape,
    Colour,
    Place,
    Ground,
}

/// <summary>The answers of the traits.</summary>
public static class PictureTraits
{
    private static readonly string[][] _answers = [Names<ShapeKind>(), Names<ColourKind>(), Names<PlaceKind>(), Names<GroundKind>()];

    /// <summary>All traits, in the order of their outputs.</summary>
    public static IReadOnlyList<PictureTrait> All { get; } = Enum.GetValues<PictureTrait>();

    /// <summary>The number of answers of all traits together.</summary>
    public static int Outputs { get; } = _answers.Sum(names => names.Length);

    /// <summary>The words for a trait's answers.</summary>
    public static IReadOnlyList<string> Answers(this PictureTrait trait) => _answers[(int)trait];

    /// <summary>The output that belongs to a trait's first answer.</summary>
    public static int FirstOutput(this PictureTrait trait) => _answers[..(int)trait].Sum(names => names.Length);

    private static string[] Names<T>() where T : struct, Enum =>
        [.. Enum.GetNames<T>().Select(name => string.Concat(name.Select((letter, i) => char.IsUpper(letter) && i > 0 ? " " + char.ToLowerInvariant(letter) : char.ToLowerInvariant(letter).ToString())))];
}
