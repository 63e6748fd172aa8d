namespace Prisma.Circuits;

/// <summary>What driving supernodes did.</summary>
/// <param name="Before">The logits of the unchanged run.</param>
/// <param name="After">Those of the changed one.</param>
/// <param name="Activations">Of each watched supernode the sum of its members' activations as their detectors read them, before and after; driving a feature acts behind its reading.</param>
public sealed record SupernodeEffect(IReadOnlyList<float> Before, IReadOnlyList<float> After, IReadOnlyList<(Supernode Node, double Before, double After)> Activations);
