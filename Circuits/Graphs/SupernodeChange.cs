namespace Prisma.Circuits;

/// <summary>A supernode that is driven.</summary>
/// <param name="Node">The supernode.</param>
/// <param name="Factor">Each member becomes so many times what it was in the unchanged run: 0 switches it off, −1 turns it round, 1 leaves it.</param>
public sealed record SupernodeChange(Supernode Node, double Factor);
