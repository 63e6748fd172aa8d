using Prisma.Core;

namespace Prisma;

/// <summary>What one block of a U-net does to pictures: the means over pictures and, for features, over those looked at.</summary>
public sealed record BlockEffect
{
    /// <summary>The block.</summary>
    public required HookSite Site { get; init; }

    /// <summary>What changes when the block adds nothing.</summary>
    public required PictureChange Ablated { get; init; }

    /// <summary>What changes when single features change, in the mean.</summary>
    public required PictureChange Features { get; init; }

    /// <summary>What changes inside the mask when a feature changes, over what a random direction changes there; above 1: its direction matters.</summary>
    public required double? Causality { get; init; }

    /// <summary>The mean <see cref="FeatureEffect.Locality"/> of its features.</summary>
    public required double? Locality { get; init; }

    /// <summary>The same of random directions.</summary>
    public required double? RandomLocality { get; init; }

    /// <summary>Pictures drawn with what this block's coder reconstructs in place of the block's update.</summary>
    public required ReconstructionQuality Reconstructed { get; init; }
}
