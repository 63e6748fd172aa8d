namespace Prisma.Core;

/// <summary>The files that an index of shards leads to.</summary>
internal static class HubShards
{
    internal static bool IsIndex(string name) => name.EndsWith(".safetensors.index.json", StringComparison.Ordinal) || name.EndsWith(".bin.index.json", StringComparison.Ordinal);

    /// <summary>The shards, beside their index.</summary>
    internal static IEnumerable<string> Of(HubId id, string index, string path)
    {
        var folder = index[..(index.LastIndexOf('/') + 1)];
        foreach (var shard in ShardIndex.FilesOf(path))
            yield return shard.Contains('/') || !HubNames.IsRelative(shard)
                ? throw new HubException($"{id}: {index} names the shard '{shard}'; shards lie beside their index.")
                : folder + shard;
    }
}
