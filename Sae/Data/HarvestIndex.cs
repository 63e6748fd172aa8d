using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// <c>index.json</c> of a folder of harvested activations: what they are, which files are finished, what the rows are like. It is written anew
/// after every file and seals itself with a digest, so that a hand-made change is noticed.
/// </summary>
public sealed record HarvestIndex
{
    /// <summary>The index's file name.</summary>
    public const string FileName = "index.json";

    private const string OwnFormat = "prisma-activations";
    private const int OwnVersion = 1;

    internal static JsonSerializerOptions Json { get; } = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>The kind of folder.</summary>
    public string Format { get; init; } = OwnFormat;

    /// <summary>The version of the layout.</summary>
    public int Version { get; init; } = OwnVersion;

    /// <summary>What decides the content.</summary>
    public required HarvestSettings Settings { get; init; }

    /// <summary>The finished files, in order.</summary>
    public required IReadOnlyList<HarvestedShard> Shards { get; init; }

    /// <summary>By column, over the finished files.</summary>
    public required IReadOnlyDictionary<string, ColumnStatistics> Statistics { get; init; }

    /// <summary>Whether all files are there.</summary>
    public required bool Finished { get; init; }

    /// <summary>SHA-256 of everything else, its first 16 hexadecimal digits.</summary>
    public string Digest { get; init; } = "";

    /// <summary>Rows in the finished files.</summary>
    [JsonIgnore]
    public long Rows => Shards.Sum(shard => shard.Rows);

    /// <summary>Reads and checks a folder's index and the sizes of the files it names.</summary>
    /// <exception cref="CheckpointException">There is none, it was changed, or a file is missing or has another size.</exception>
    public static HarvestIndex Read(string folder)
    {
        var path = Path.Combine(folder, FileName);
        if (!File.Exists(path)) throw new CheckpointException($"'{folder}' holds no harvested activations: it has no {FileName}.");
        HarvestIndex? index;
        try
        {
            index = JsonSerializer.Deserialize<HarvestIndex>(File.ReadAllBytes(path), Json);
        }
        catch (JsonException error)
        {
            throw new CheckpointException($"'{path}' is no index of harvested activations: {error.Message}", error);
        }
        if (index is not { Format: OwnFormat, Version: OwnVersion })
            throw new CheckpointException($"'{path}' has the format '{index?.Format}' version {index?.Version}; '{OwnFormat}' version {OwnVersion} is read.");
        if (index.Digest != index.Sealed().Digest)
            throw new CheckpointException($"'{path}' was changed after it was written: its digest is {index.Digest}, its content gives {index.Sealed().Digest}. Harvest again with --force.");
        foreach (var shard in index.Shards) Check(folder, shard);
        return index;
    }

    internal static HarvestIndex Start(HarvestSettings settings) => new()
    {
        Settings = settings,
        Shards = [],
        Statistics = settings.Columns.ToDictionary(column => column.Name, column => ColumnStatistics.Empty(column.Width)),
        Finished = false,
    };

    internal HarvestIndex With(HarvestedShard shard, IReadOnlyDictionary<string, ColumnStatistics> statistics) => this with
    {
        Shards = [.. Shards, shard],
        Statistics = statistics,
        Finished = Shards.Count + 1 == Settings.Shards,
    };

    internal HarvestIndex Write(string folder)
    {
        var whole = Sealed();
        AtomicFile.WriteBytes(Path.Combine(folder, FileName), JsonSerializer.SerializeToUtf8Bytes(whole, Json), ExistingFile.Replace);
        return whole;
    }

    private static void Check(string folder, HarvestedShard shard)
    {
        var file = new FileInfo(Path.Combine(folder, shard.File));
        if (!file.Exists) throw new CheckpointException($"'{file.FullName}' is missing; the index names it. Harvest again with --force.");
        if (file.Length != shard.Bytes)
            throw new CheckpointException($"'{file.FullName}' has {file.Length} bytes; the index says {shard.Bytes}. It is truncated or was replaced: harvest again with --force.");
    }

    private HarvestIndex Sealed() => this with
    {
        Digest = Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(this with { Digest = "" }, Json)))[..16],
    };
}
