using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Coders and transcoders of ViT-Prisma: <c>config.json</c> beside <c>weights.pt</c> or <c>n_images_N.pt</c>; one pickle {"cfg": object,
/// "state_dict"} (also of package 2.0.0, also gzipped); one pickle {"config": dict, "autoencoder"} of the first releases.
/// </summary>
public sealed class PrismaFormat : CoderFormat
{
    private const string Companion = "_log_feature_sparsity.pt";
    private static readonly string[] s_endings = [".pt", ".pth", ".pkl", ".pkl.gz"];
    private static readonly string[] s_wrappers = ["autoencoder.state_dict.", "state_dict."];

    private enum Layout
    {
        Current,
        Package2_0_0,
        FirstReleases,
    }

    /// <inheritdoc/>
    public override string Name => "ViT-Prisma";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var hasConfig = folder.Json("config.json") is { } config && IsConfig(config);
        foreach (var file in folder.EndingWith(s_endings).Where(file => !file.EndsWith(Companion, StringComparison.Ordinal)))
        {
            // A damaged file beside a configuration is claimed, so that reading it says what is wrong.
            var names = folder.TensorNames(file);
            if (names is null ? !hasConfig : !names.Any(name => name == "W_enc" || name.EndsWith(".W_enc", StringComparison.Ordinal))) continue;
            if (hasConfig) yield return new CoderCandidate(this, folder[file], folder["config.json"]);
            else if (names!.Contains("W_enc") && !folder.EndingWith(".json", ".yaml", ".yml").Any() && !PlainFormat.IsOne(folder.Shapes(file)!)) yield return new CoderCandidate(this, folder[file]);
            else if (names!.Contains("autoencoder.state_dict.W_enc")) yield return new CoderCandidate(this, folder[file]);
            else if (names!.Contains("state_dict.W_enc") && CarriesConfig(folder[file])) yield return new CoderCandidate(this, folder[file]);
        }
    }

    /// <inheritdoc/>
    public override ICoder Read(CoderCandidate candidate, CoderOptions options)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        ArgumentNullException.ThrowIfNull(options);
        using var scope = NewDisposeScope();
        using var source = TensorSource.Open(candidate.Weights);
        var (json, layout) = Configuration(candidate, source);
        var config = new CoderConfig(json, candidate.Config ?? candidate.Weights, options);
        var tensors = new CoderTensors(source.WithoutPrefixes(s_wrappers).Tensors, candidate.Weights);
        OneConvention.Check(candidate.Weights, options, []);
        return OneConvention.Check(Build(config, tensors, layout, candidate), options);
    }

    private static bool IsConfig(JsonElement json) =>
        json.TryGetProperty("hook_point_layer", out _) && json.TryGetProperty("expansion_factor", out _) && json.TryGetProperty("d_in", out _);

    private static bool CarriesConfig(string path)
    {
        using var source = TensorSource.Open(path);
        return source is TorchPickle pickle && pickle.Root.TryGet("cfg", out var cfg)
            && cfg is PickleObject { Type: var type } && type.Name.StartsWith("Vision", StringComparison.Ordinal);
    }

    private static (JsonElement Json, Layout Layout) Configuration(CoderCandidate candidate, TensorSource source)
    {
        if (candidate.Config is { } file)
        {
            return (ConfigFile.Read(file), Layout.Current);
        }
        if (source is not TorchPickle pickle || !pickle.Root.Keys.Any(key => key is "cfg" or "config"))
            throw new CheckpointException($"'{candidate.Weights}' is a plain state dict: the config.json that belongs beside it is missing, and its activation, normalisation and place with it.");
        var root = pickle.Root;
        if (root.TryGet("config", out var first)) return (JsonSerializer.SerializeToElement(first.ToJson()), Layout.FirstReleases);
        var json = JsonSerializer.SerializeToElement(root["cfg"].ToJson());
        var isOld = !json.TryGetProperty("architecture", out _) && !json.TryGetProperty("layer_subtype", out _);
        return (json, isOld ? Layout.Package2_0_0 : Layout.Current);
    }

    private static Coder Build(CoderConfig config, CoderTensors tensors, Layout layout, CoderCandidate candidate)
    {
        var (inputs, features) = tensors.Sizes("W_enc");
        var outputs = tensors.Sizes("W_dec").Columns;
        CheckSizes(config, inputs, features);
        var architecture = config.Text("architecture") ?? config.ByFormat("architecture", "standard", "the only one when the file was written");
        var transcodes = config.Flag("is_transcoder") ?? false;
        var gated = architecture == "gated";
        if (!gated && architecture is not ("standard" or "vanilla")) throw config.Unknown("architecture", architecture, "standard", "vanilla", "gated");
        if (gated && transcodes) throw config.Unknown("architecture", "gated transcoder", "standard transcoder");
        var activation = config.Text("activation_fn_str") ?? config.ByFormat("activation_fn_str", "relu", "the library's default");
        var norm = Norm(config, layout);
        var inputBias = tensors.Take("b_dec", inputs);
        var weights = new CoderWeights
        {
            Encoder = tensors.TakeTransposed("W_enc", inputs, features),
            EncoderBias = gated && !tensors.Has("b_enc") ? zeros(features) : tensors.Take("b_enc", features),
            Decoder = tensors.Take("W_dec", features, outputs),
            InputBias = inputBias,
            OutputBias = transcodes ? tensors.Take("b_dec_out", outputs) : inputBias.clone(),
            Skip = transcodes && config.Flag("transcoder_with_skip_connection") is true ? tensors.Take("W_skip", outputs, inputs) : null,
            Norm = norm,
            UndoCoversSkip = true,
            EncodesRaw = layout == Layout.Package2_0_0,
        };
        int? k = activation == "topk" ? K(config) : null;
        var gate = gated ? new[] { "b_gate", "r_mag", "b_mag" }.Select(name => tensors.Take(name, features)).ToArray() : [];
        var slope = activation == "leaky_relu" ? config.Number("activation_fn_kwargs.negative_slope") ?? config.ByFormat("negative_slope", StandardCoder.UsualSlope, "the library's default") : 0;
        var origin = Origin(config, candidate);
        var writes = transcodes ? Place(config, "out_hook_point_layer", "layer_out_subtype") : null;
        tensors.Finish();
        config.Finish();
        var card = new CoderCard
        {
            Architecture = gated ? "gated" : k is null ? "standard" : "topk",
            Inputs = inputs,
            Features = features,
            Outputs = outputs,
            Reads = HookNames.Read(origin.HookName),
            Writes = HookNames.Read(writes ?? origin.HookName),
            Origin = origin with { ByFormat = config.ByFormatNotes },
        };
        if (gated && activation is not ("relu" or "topk")) throw config.Unknown("activation_fn_str", activation + " of a gated coder", "relu", "topk");
        return activation switch
        {
            _ when gated => new GatedCoder(card, weights, gate[0], gate[1], gate[2], k),
            "topk" => new TopKCoder(card, weights, k!.Value),
            "relu" => new StandardCoder(card, weights),
            "tanh-relu" => new StandardCoder(card, weights, StandardActivation.TanhRelu),
            "leaky_relu" => new StandardCoder(card, weights, StandardActivation.LeakyRelu, slope),
            _ => throw config.Unknown("activation_fn_str", activation, "relu", "leaky_relu", "tanh-relu", "topk"),
        };
    }

    private static void CheckSizes(CoderConfig config, int inputs, int features)
    {
        if (config.Int("d_in") is { } stated && stated != inputs)
            throw new CheckpointException($"'{config.File}' says d_in = {stated}, but W_enc reads {inputs}.");
        if (config.Number("expansion_factor") is { } factor && (int)Math.Round(factor * inputs) != features)
            throw new CheckpointException($"'{config.File}' says expansion_factor = {factor:g} of d_in = {inputs}, but W_enc has {features} features.");
    }

    private static InputNorm Norm(CoderConfig config, Layout layout)
    {
        if (config.Json.TryGetProperty("normalize_activations", out var value) && value.ValueKind == JsonValueKind.Null) return InputNorm.None;
        var name = config.Text("normalize_activations")
            ?? config.ByFormat("normalize_activations", "layer_norm", "the library's default");
        if (layout == Layout.Package2_0_0 && name != "none") config.ByFormat("encoder_input", "raw", "package 2.0.0 normalises only the output");
        return name switch
        {
            "none" => InputNorm.None,
            "layer_norm" => InputNorm.LayerNorm,
            "constant_norm_rescale" => InputNorm.ConstantNorm,
            _ => throw config.Unknown("normalize_activations", name, "none", "layer_norm", "constant_norm_rescale"),
        };
    }

    private static int K(CoderConfig config) =>
        config.Int("activation_fn_kwargs.k", "k") ?? throw config.Open("k", "how many features a row of a top-k coder keeps");

    private static Provenance Origin(CoderConfig config, CoderCandidate candidate)
    {
        var cls = config.Flag("cls_token_only") ?? false;
        var patches = config.Flag("use_patches_only") ?? false;
        if (cls && patches) throw new CheckpointException($"'{config.File}' says both cls_token_only and use_patches_only.");
        return new Provenance
        {
            Format = "ViT-Prisma",
            Path = candidate.Weights,
            ModelName = config.Text("model_name") ?? "",
            HookName = Place(config, "hook_point_layer", "layer_subtype") ?? config.Text("hook_point") ?? "",
            DefaultPart = Part.Vision,
            Head = config.Int("hook_point_head_index"),
            Scope = cls ? TokenScope.Cls : patches ? TokenScope.Patches : TokenScope.All,
            Published = Published.In(config.Json),
            Config = config.Json,
        };
    }

    private static string? Place(CoderConfig config, string layerKey, string subtypeKey) =>
        config.Text(subtypeKey) is { } subtype && config.Int(layerKey) is { } layer ? $"blocks.{layer}.{subtype}" : null;
}
