using Prisma.Core;

namespace Prisma.Vision;

/// <summary>
/// A <see cref="HookedModel"/> whose outputs image_embeds and text_embeds, of length 1, lie in one space: what zero-shot classification
/// and retrieval need.
/// </summary>
public interface IImageTextModel
{
    /// <summary>What cosines are multiplied by.</summary>
    double LogitScale { get; }

    /// <summary>What is added to the scaled cosines; 0 in most models.</summary>
    double LogitBias { get; }

    /// <summary>The greatest number of tokens of a text.</summary>
    int TextContext { get; }
}
