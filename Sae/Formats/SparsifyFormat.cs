using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Coders and transcoders of EleutherAI's sparsify: a folder per place with <c>cfg.json</c> and <c>sae.safetensors</c>. Group-SAE uses the same
/// layout, with <c>scaling_factors.pt</c> beside or above the folder: inputs are multiplied by the place's factor, predictions divided.
/// </summary>
public sealed class SparsifyFormat : StateDictFormat
{
    private const string WeightsFile = "sae.safetensors";
    private const string ConfigName = "cfg.json";
    private const string FactorsFile = "scaling_factors.pt";

    /// <inheritdoc/>
    public override string Name => "sparsify";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.Has(WeightsFile) && !OwnFormat.IsOne(folder.Json("config.json"))) yield return new CoderCandidate(this, folder[WeightsFile], folder.Has(ConfigName) ? folder[ConfigName] : null);
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        reading.NeedConfig(ConfigName);
        var (config, tensors) = (reading.Config, reading.Tensors);
        var (features, inputs) = tensors.Sizes("encoder.weight");
        var outputs = tensors.Sizes("W_dec").Columns;
        CheckSizes(reading, inputs, features);
        var transcodes = config.Flag("transcode") ?? config.ByFormat("transcode", false, "the only kind when the file was written");
        var skips = config.Flag("skip_connection") ?? false;
        var bias = tensors.Take("b_dec", outputs);
        if (!transcodes && inputs != outputs) throw new CheckpointException($"'{config.File}' does not say transcode, but W_dec writes {outputs} and the encoder reads {inputs}.");
        var weights = new CoderWeights
        {
            Encoder = tensors.Take("encoder.weight", features, inputs),
            EncoderBias = tensors.Take("encoder.bias", features),
            Decoder = tensors.Take("W_dec", features, outputs),
            OutputBias = bias,
            InputBias = transcodes ? null : bias.clone(),
            Skip = skips ? tensors.Take("W_skip", outputs, inputs) : null,
        };
        if (Factor(reading) is { } factor) weights = weights.FoldInputScale(factor);
        var module = Path.GetFileName(Path.GetDirectoryName(reading.Candidate.Weights)!);
        var writes = HookNames.OutputOf(module);
        var origin = reading.Origin("sparsify", Model(reading.Candidate.Weights), transcodes ? HookNames.InputOf(module) : writes.Length > 0 ? writes : module);
        return Selected(reading, weights, origin, writes);
    }

    private static Func<ICoder> Selected(CoderReading reading, CoderWeights weights, Provenance origin, string writes)
    {
        var config = reading.Config;
        CoderCard Card(string architecture) => CoderReading.Card(architecture, weights, origin, writes);
        if (config.Flag("jumprelu") is true)
        {
            var thresholds = reading.Tensors.Take("log_threshold", weights.Features).exp();
            return () => new JumpReluCoder(Card("jumprelu"), weights, thresholds, signed: true);
        }
        var activation = config.Text("activation") ?? config.ByFormat("activation", "topk", "the only one when the file was written");
        var signed = config.Flag("signed") ?? false;
        // Group-SAE writes k ≤ 0 for coders without top-k.
        if (config.Int("k") is <= 0 && activation == "topk") return () => new StandardCoder(Card("standard"), weights);
        var k = reading.K("k");
        return activation switch
        {
            "topk" when signed => () => new AbsTopKCoder(Card("abstopk"), weights, k),
            "topk" => () => new TopKCoder(Card("topk"), weights, k),
            "groupmax" when !signed => () => new GroupMaxCoder(Card("groupmax"), weights, k),
            _ => throw config.Unknown("activation", signed ? $"{activation} with signed" : activation, "topk", "groupmax"),
        };
    }

    private static void CheckSizes(CoderReading reading, int inputs, int features)
    {
        var config = reading.Config;
        reading.CheckSize("d_in", inputs);
        if (config.Int("num_latents") is { } stated && stated != 0) reading.CheckSize("num_latents", features);
        else if (config.Number("expansion_factor") is { } factor && (int)Math.Round(factor * inputs) != features)
            throw new CheckpointException($"'{config.File}' says expansion_factor = {factor:g} of d_in = {inputs}, but the encoder has {features} features.");
    }

    // The run's own configuration lies above the places' folders.
    private static string Model(string weights)
    {
        var above = Path.Combine(Path.GetDirectoryName(Path.GetDirectoryName(weights))!, "config.json");
        if (!File.Exists(above)) return "";
        var config = ConfigFile.Read(above);
        return config.ValueKind == System.Text.Json.JsonValueKind.Object && config.TryGetProperty("model", out var model) && model.ValueKind == System.Text.Json.JsonValueKind.String
            ? model.GetString()! : "";
    }

    // One factor for each place, by its name; a cluster's coder serves several places, so the user says which.
    private static double? Factor(CoderReading reading)
    {
        var folder = Path.GetDirectoryName(reading.Candidate.Weights)!;
        var file = new[] { folder, Path.GetDirectoryName(folder)! }.Select(at => Path.Combine(at, FactorsFile)).FirstOrDefault(File.Exists);
        if (file is null) return null;
        using var source = TensorSource.Open(file);
        var factors = source is TorchPickle { Root: PickleDictionary dictionary }
            ? dictionary.Keys.ToDictionary(key => key, key => dictionary[key] is PickleTensor tensor ? tensor.Tensor.ToScalar() : dictionary[key].AsDouble(), StringComparer.Ordinal)
            : throw new CheckpointException($"'{file}' holds no scaling factors by place.");
        var place = reading.Config.Text("hookpoint") ?? Path.GetFileName(folder);
        if (!factors.TryGetValue(place, out var factor))
            throw new CheckpointException($"'{file}' has no factor for '{place}'. Say whose it is with --set hookpoint=VALUE, one of: {string.Join(", ", factors.Keys)}.");
        reading.Config.ByFormat("scaling_factor", factor, $"of {place} in {FactorsFile}");
        return factor;
    }
}
