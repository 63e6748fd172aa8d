using System.Text.Json;

namespace Prisma.Core;

/// <summary>
/// A checkpoint in several files: <c>*.safetensors.index.json</c> or <c>pytorch_model.bin.index.json</c> with {"weight_map": {tensor: file}}.
/// Every file named must lie beside the index and hold what the index says.
/// </summary>
internal static class ShardIndex
{
    public static TensorSource Open(string path)
    {
        var map = ReadMap(path);
        var folder = System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!;
        var shards = new Dictionary<string, TensorSource>();
        try
        {
            foreach (var file in map.Values.Distinct())
            {
                if (file.Length == 0 || file != System.IO.Path.GetFileName(file) || file is "." or "..")
                    throw new CheckpointException($"'{path}' names the shard '{file}'; shards lie beside their index.");
                shards[file] = CheckpointReader.Open(System.IO.Path.Combine(folder, file));
            }

            var tensors = map.Select(pair => shards[pair.Value].Get(pair.Key)).ToList();
            return new TensorSource(path, $"{shards.Count} shards ({shards.Values.FirstOrDefault()?.Format})", tensors, null, [.. shards.Values]);
        }
        catch
        {
            foreach (var shard in shards.Values) shard.Dispose();
            throw;
        }
    }

    /// <summary>The files that an index names, each once.</summary>
    public static IReadOnlyList<string> FilesOf(string path) => [.. ReadMap(path).Values.Distinct(StringComparer.Ordinal)];

    private static Dictionary<string, string> ReadMap(string path)
    {
        byte[] json;
        using (var file = FileBytes.Open(path))
        {
            if (file.Length > SafetensorsHeader.MaxLength) throw new CheckpointException($"'{path}': {file.Length} bytes are too many for an index of shards.");
            json = file.ReadArray(0, (int)file.Length);
        }

        var map = new Dictionary<string, string>();
        try
        {
            using var document = JsonDocument.Parse(json);
            foreach (var pair in document.RootElement.GetProperty("weight_map").EnumerateObject())
            {
                var file = pair.Value.GetString() ?? throw new JsonException($"no file for '{pair.Name}'");
                if (!map.TryAdd(pair.Name, file)) throw new CheckpointException($"'{path}' lists the tensor '{pair.Name}' twice.");
            }
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new CheckpointException($"'{path}' is no index of shards: {e.Message}", e);
        }

        return map;
    }
}
