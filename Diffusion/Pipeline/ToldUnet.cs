using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>What a U-net is told in every pass beside prompt and time step; null where it reads nothing of the kind.</summary>
/// <param name="Sizes">The picture's sizes in passes that see the prompt, [B, n].</param>
/// <param name="NegativeSizes">The same in passes that see the negative prompt.</param>
/// <param name="Guidance">The embedding of the guidance's strength, [B, g].</param>
internal sealed record ToldUnet(Tensor? Sizes, Tensor? NegativeSizes, Tensor? Guidance)
{
    /// <summary>The class of each picture, [B].</summary>
    internal Tensor? Classes { get; init; }
}
