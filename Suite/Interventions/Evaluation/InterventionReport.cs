namespace Prisma;

/// <summary>What <see cref="InterventionEvaluation"/> found.</summary>
public sealed record InterventionReport
{
    /// <summary>Feature by feature and picture by picture.</summary>
    public required IReadOnlyList<FeatureEffect> Features { get; init; }

    /// <summary>Block by block, in forward order.</summary>
    public required IReadOnlyList<BlockEffect> Blocks { get; init; }

    /// <summary>All blocks at once replaced by their coders' reconstructions.</summary>
    public required ReconstructionQuality Reconstructed { get; init; }

    /// <summary>All blocks at once adding nothing: what a reconstruction must be better than.</summary>
    public required ReconstructionQuality Ablated { get; init; }
}
