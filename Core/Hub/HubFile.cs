namespace Prisma.Core;

/// <summary>What the hub says about one version of a file.</summary>
/// <param name="Name">The name in the repository.</param>
/// <param name="Commit">The commit that it belongs to.</param>
/// <param name="Etag">Its checksum: SHA-256 for large files, git's SHA-1 for others.</param>
/// <param name="Size">Bytes.</param>
internal sealed record HubFile(string Name, string Commit, string Etag, long Size);
