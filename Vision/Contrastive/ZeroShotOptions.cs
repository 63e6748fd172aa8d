namespace Prisma.Vision;

/// <summary>How <see cref="ZeroShot"/> turns labels into embeddings.</summary>
public sealed record ZeroShotOptions
{
    /// <summary>Sentences with <c>{}</c> where the label goes; their embeddings are averaged.</summary>
    public IReadOnlyList<string> Templates { get; init; } = ["a photo of a {}."];

    /// <summary>How many texts run at once: bounds the memory, not the result.</summary>
    public int Batch { get; init; } = 64;
}
