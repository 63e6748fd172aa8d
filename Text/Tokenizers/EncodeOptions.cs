namespace Prisma.Text;

/// <summary>What <see cref="ITokenizer.Encode"/> adds to the ids of the words, and what it does to the text before.</summary>
public sealed record EncodeOptions
{
    /// <summary>Start and end tokens and a cut at the context length (default), or the bare and uncut ids of the words.</summary>
    public bool Special { get; init; } = true;

    /// <summary>Fill up to the context length; off by default. OpenAI's style fills with 0, the others with their padding token.</summary>
    public bool Pad { get; init; }

    /// <summary>Another context length than the tokenizer's own; null (default) keeps that.</summary>
    public int? ContextLength { get; init; }

    /// <summary>
    /// Repair the text first (<see cref="TextRepair"/>), as CLIP tokenizers of the Hugging Face style do where ftfy is installed;
    /// off by default. OpenAI's style always repairs.
    /// </summary>
    public bool Repair { get; init; }
}
