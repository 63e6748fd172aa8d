using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// circuit-tracer's sets of transcoders: a YAML configuration makes its folder one coder of L layers, <c>layer_N.safetensors</c> or the files
/// that the configuration lists (also those of the first release and of Gemma Scope). A layer's file by itself is one transcoder.
/// </summary>
public sealed partial class CircuitTracerFormat : CoderFormat
{
    private static readonly string[] s_yaml = [".yaml", ".yml"];

    /// <inheritdoc/>
    public override string Name => "circuit-tracer";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var layers = LayerFiles(folder).ToList();
        if (MwhannaFormat.Single(folder) is not null) yield break;
        var config = folder.EndingWith(s_yaml).FirstOrDefault(file => IsConfig(folder.Yaml(file)))
            ?? folder.EndingWith(s_yaml).FirstOrDefault(file => layers.Count > 0 && folder.IsDamaged(file));
        if (config is not null && (layers.Count > 0 || folder.Yaml(config)!.Value.TryGetProperty("transcoders", out _)))
            yield return new CoderCandidate(this, folder[config], folder[config]) { Extent = CoderExtent.Folder };
        foreach (var file in layers)
            yield return new CoderCandidate(this, folder[file], config is null ? null : folder[config]) { Extent = config is null ? CoderExtent.Whole : CoderExtent.Part };
    }

    /// <inheritdoc/>
    public override ICoder Read(CoderCandidate candidate, CoderOptions options)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        ArgumentNullException.ThrowIfNull(options);
        using var scope = NewDisposeScope();
        var config = new CoderConfig(candidate.Config is { } file ? ConfigFile.Read(file) : ConfigFile.Empty, candidate.Config ?? candidate.Weights, options);
        OneConvention.Check(candidate.Weights, options, []);
        var coder = candidate.Weights == candidate.Config ? Set(config, candidate.Weights) : One(config, candidate.Weights);
        return OneConvention.Check(coder, options);
    }

    /// <summary>The files of a folder that are single layers, by number.</summary>
    internal static IEnumerable<string> LayerFiles(CoderFolder folder) => folder.EndingWith(".safetensors")
        .Where(file => Number(file) is not null && (folder.TensorNames(file) is not { } names || TranscoderFile.IsOne(names)))
        .OrderBy(Number);

    /// <summary>N of <c>layer_N.safetensors</c>; null for other names.</summary>
    internal static int? Number(string file) =>
        LayerFile().Match(Path.GetFileName(file)) is { Success: true } match ? int.Parse(match.Groups["layer"].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) : null;

    /// <summary>Whether a YAML file configures a set or a cross-layer transcoder.</summary>
    internal static bool IsConfig(JsonElement? yaml) =>
        yaml is { } config && (config.TryGetProperty("feature_input_hook", out _) || config.TryGetProperty("model_kind", out _));

    private static Coder One(CoderConfig config, string file)
    {
        var make = TranscoderFile.Read(file, config, Number(file) ?? config.Int("layer"), firstRelease: IsFirstRelease(config));
        config.Finish();
        return make();
    }

    private static ICoder Set(CoderConfig config, string path)
    {
        var kind = config.Text("model_kind") ?? config.ByFormat("model_kind", "transcoder_set", "the only kind of the first release");
        var files = Files(config, path);
        if (kind == "cross_layer_transcoder") return GemmaScope2LayersFormat.Read(config, files);
        if (kind != "transcoder_set") throw config.Unknown("model_kind", kind, "transcoder_set", "cross_layer_transcoder");
        var makers = files.Select(layer => TranscoderFile.Read(layer.File, config, layer.Number, IsFirstRelease(config))).ToList();
        var numbers = files.Select(layer => layer.Number).ToList();
        IReadOnlyList<HookSite> Places(string key) => HookNames.ReadAll([.. numbers.Select(number => TranscoderFile.Place(config.Text(key), number))]);
        var (reads, writes) = (Places("feature_input_hook"), Places("feature_output_hook"));
        config.Text("scan");
        config.Finish();
        var layers = makers.Select(make => (ISparseCoder)make()).ToList();
        try
        {
            var first = layers[0].Card;
            return new TranscoderSet(new CoderCard
            {
                Architecture = $"set of {layers.Count} transcoders ({first.Architecture})",
                Inputs = first.Inputs,
                Features = first.Features,
                Outputs = first.Outputs,
                Reads = reads,
                Writes = writes,
                Origin = TranscoderFile.Origin(path, config, config.Text("feature_input_hook") ?? ""),
            }, layers);
        }
        catch
        {
            foreach (var layer in layers) layer.Dispose();
            throw;
        }
    }

    // The configuration's list in its order, or the folder's layer_N by number.
    private static List<(int Number, string File)> Files(CoderConfig config, string path)
    {
        var folder = Path.GetDirectoryName(path)!;
        if (!config.Json.TryGetProperty("transcoders", out var list) || list.ValueKind != JsonValueKind.Array)
            return [.. LayerFiles(new CoderFolder(folder)).Select(file => (Number(file)!.Value, Path.Combine(folder, file)))];
        var files = list.EnumerateArray().Select((entry, at) => entry.ValueKind == JsonValueKind.Object
            ? (Number: entry.TryGetProperty("layer", out var layer) && layer.TryGetInt32(out var number) ? number : at, File: Local(folder, Text(entry, "filepath"), config.File))
            : (Number: at, File: Local(folder, entry.GetString() ?? "", config.File))).OrderBy(entry => entry.Number).ToList();
        return files.Count > 0 ? files : throw new CheckpointException($"'{config.File}' lists no transcoders.");
    }

    private static string Text(JsonElement entry, string key) =>
        entry.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString()! : "";

    // hf://owner/name/path?revision=…: the path below the configuration's folder.
    private static string Local(string folder, string reference, string config)
    {
        var plain = reference.Split('?')[0].Split('@')[0];
        var parts = plain.StartsWith("hf://", StringComparison.Ordinal) ? plain["hf://".Length..].Split('/')[2..] : plain.Split('/');
        if (parts.Length == 0 || parts.Contains("..")) throw new CheckpointException($"'{config}' lists '{reference}', which names no file.");
        // The whole path, or the file as it lies after a download without its folders.
        var found = Enumerable.Range(0, parts.Length).Select(skip => Path.Combine([folder, .. parts[skip..]])).FirstOrDefault(File.Exists);
        return found ?? throw new CheckpointException($"'{config}' lists '{reference}'; there is no '{Path.Combine([folder, .. parts])}'. Download it to there.");
    }

    private static bool IsFirstRelease(CoderConfig config) =>
        config.Json.TryGetProperty("transcoders", out var list) && list.ValueKind == JsonValueKind.Array && list.EnumerateArray().Any(entry => entry.ValueKind == JsonValueKind.Object);

    [GeneratedRegex(@"^layer_(?<layer>\d{1,4})\.safetensors$")]
    private static partial Regex LayerFile();
}
