namespace Prisma.Sae;

/// <summary>Where a harvest stands, after every file.</summary>
/// <param name="Shards">Finished files.</param>
/// <param name="AllShards">Files in all.</param>
/// <param name="Rows">Rows in the finished files.</param>
/// <param name="AllRows">Rows in all.</param>
/// <param name="Bytes">Bytes in the finished files.</param>
/// <param name="AllBytes">Bytes that all files will have, estimated.</param>
public readonly record struct HarvestProgress(int Shards, int AllShards, long Rows, long AllRows, long Bytes, long AllBytes);
