using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>Everything that decides what stands in a harvest's files: a harvest goes on only with the same.</summary>
public sealed record HarvestSettings
{
    /// <summary>The model's name.</summary>
    public required string Model { get; init; }

    /// <summary>The model's weights, see <see cref="WeightDigest"/>.</summary>
    public required string Weights { get; init; }

    /// <summary>The examples, see <see cref="IModelInputs.Fingerprint"/>.</summary>
    public required string Inputs { get; init; }

    /// <summary>Number of examples.</summary>
    public required int Examples { get; init; }

    /// <summary>The places with their widths, in forward order.</summary>
    public required IReadOnlyList<SourceColumn> Columns { get; init; }

    /// <summary>Which tokens.</summary>
    public required TokenFilter Tokens { get; init; }

    /// <summary>The type on disk, as safetensors names it.</summary>
    public required StoredType Dtype { get; init; }

    /// <summary>Rows that an example gives.</summary>
    public required int RowsPerExample { get; init; }

    /// <summary>Examples in a file; the last has what is left.</summary>
    public required int ExamplesPerShard { get; init; }

    /// <summary>Rows that are read, checked and shuffled together.</summary>
    public required int BlockRows { get; init; }

    /// <summary>Examples per forward pass.</summary>
    public required int Batch { get; init; }

    /// <summary>The order of the examples; null as they are given.</summary>
    public required long? Seed { get; init; }

    /// <summary>Rows of the whole harvest.</summary>
    internal long Rows => (long)Examples * RowsPerExample;

    /// <summary>Number of files.</summary>
    internal int Shards => (Examples + ExamplesPerShard - 1) / ExamplesPerShard;

    /// <summary>Bytes of a row, all columns together.</summary>
    internal long RowBytes => Columns.Sum(column => (long)column.Width) * (Dtype == StoredType.F32 ? 4 : 2);

    /// <summary>Sixteen hexadecimal digits that stand for all settings.</summary>
    internal string Identity => Convert.ToHexStringLower(SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(this, HarvestIndex.Json)))[..16];

    internal static HarvestSettings Of(HookedModel model, IModelInputs inputs, ActivationReader reader, HarvestOptions options)
    {
        const int BlockBytes = 256_000, MostBlockRows = 1024;
        var dtype = options.Dtype.Stored();
        var widest = reader.Columns.Max(column => column.Width) * (dtype == StoredType.F32 ? 4 : 2);
        return new HarvestSettings
        {
            Model = model.Card.Name,
            Weights = WeightDigest.Of(model),
            Inputs = inputs.Fingerprint,
            Examples = inputs.Count,
            Columns = reader.Columns,
            Tokens = options.Tokens,
            Dtype = dtype,
            RowsPerExample = reader.RowsPerExample,
            ExamplesPerShard = Math.Max(1, options.RowsPerShard / reader.RowsPerExample),
            BlockRows = options.BlockRows ?? Math.Clamp(BlockBytes / widest, 1, MostBlockRows),
            Batch = options.Batch,
            Seed = options.Seed,
        };
    }

    /// <summary>The settings that are not the same, each with both values.</summary>
    internal IReadOnlyList<string> Differences(HarvestSettings asked)
    {
        var (own, theirs) = (Fields(this), Fields(asked));
        return [.. own.Where(field => !JsonNode.DeepEquals(field.Value, theirs[field.Key])).Select(field => $"{field.Key} is {Said(field.Value)} there and {Said(theirs[field.Key])} now")];
    }

    private static JsonObject Fields(HarvestSettings settings) => JsonSerializer.SerializeToNode(settings, HarvestIndex.Json)!.AsObject();

    private static string Said(JsonNode? value) => value?.ToJsonString(HarvestIndex.Json) ?? "none";
}
