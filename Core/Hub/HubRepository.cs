namespace Prisma.Core;

/// <summary>What a revision of a repository holds.</summary>
/// <param name="Id">The repository.</param>
/// <param name="Commit">The commit that the revision stands for now.</param>
/// <param name="Files">The names of all files.</param>
public sealed record HubRepository(HubId Id, string Commit, IReadOnlyList<string> Files);
