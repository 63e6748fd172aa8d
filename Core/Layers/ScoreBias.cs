using static TorchSharp.torch;

namespace Prisma.Core;

/// <summary>A learned bias on attention scores that depends on where two tokens stand. Belongs to one attention module.</summary>
public abstract class ScoreBias : Module
{
    /// <summary>What is added to the scores: [H, P, P], or anything that broadcasts to [B, H, P, P].</summary>
    /// <param name="context">The tokens' layout.</param>
    public abstract Tensor Of(AttentionContext context);
}
