namespace Prisma.Sae;

/// <summary>One finished file of a harvest.</summary>
/// <param name="File">Its name in the folder.</param>
/// <param name="Rows">Rows in it.</param>
/// <param name="Bytes">Its size.</param>
public sealed record HarvestedShard(string File, long Rows, long Bytes);
