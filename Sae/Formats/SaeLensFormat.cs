using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Coders and transcoders of SAELens, versions 2 to 6: <c>cfg.json</c> beside <c>sae_weights.safetensors</c>, released or training checkpoints.
/// BatchTopK and Matryoshka coders are released as jumprelu; their training checkpoints select over the batch.
/// </summary>
public sealed class SaeLensFormat : CoderFormat
{
    private const string WeightsFile = "sae_weights.safetensors";
    private const string ConfigName = "cfg.json";

    /// <inheritdoc/>
    public override string Name => "SAELens";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!folder.Has(WeightsFile)) yield break;
        if (folder.Has(ConfigName)) yield return new CoderCandidate(this, folder[WeightsFile], folder[ConfigName]);
        else if (!folder.EndingWith(".json").Any()) yield return new CoderCandidate(this, folder[WeightsFile]);
    }

    /// <inheritdoc/>
    public override ICoder Read(CoderCandidate candidate, CoderOptions options)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        ArgumentNullException.ThrowIfNull(options);
        using var scope = NewDisposeScope();
        if (candidate.Config is not { } file)
            throw new CheckpointException($"'{candidate.Weights}' has no {ConfigName} beside it: what its numbers mean is not known.");
        using var source = TensorSource.Open(candidate.Weights);
        var config = new CoderConfig(ConfigFile.Read(file), file, options);
        var tensors = new CoderTensors(source.Tensors, candidate.Weights);
        OneConvention.Check(candidate.Weights, options, []);
        return OneConvention.Check(Build(config, tensors, candidate, options), options);
    }

    private static Coder Build(CoderConfig config, CoderTensors tensors, CoderCandidate candidate, CoderOptions options)
    {
        var kind = Kind.Read(config);
        var (inputs, features) = tensors.Sizes("W_enc");
        var outputs = tensors.Sizes("W_dec").Columns;
        CheckSize(config, "d_in", inputs);
        CheckSize(config, "d_sae", features);
        var weights = Weights(config, tensors, kind, inputs, features, outputs);
        var origin = Origin(config, candidate);
        return Assemble(config, tensors, kind, weights, options, new CoderCard
        {
            Architecture = kind.Architecture,
            Inputs = inputs,
            Features = features,
            Outputs = outputs,
            Reads = HookNames.Read(origin.HookName),
            Writes = HookNames.Read(config.Text("metadata.hook_name_out", "hook_name_out") ?? origin.HookName),
            FlattensHeads = Flattens(config, origin.HookName),
            Origin = origin with { ByFormat = config.ByFormatNotes },
        });
    }

    private static CoderWeights Weights(CoderConfig config, CoderTensors tensors, Kind kind, int inputs, int features, int outputs)
    {
        var outputBias = tensors.Take("b_dec", outputs);
        var subtracts = config.Flag("apply_b_dec_to_input")
            ?? config.ByFormat("apply_b_dec_to_input", !kind.IsTranscoder, "the library's default");
        if (subtracts && inputs != outputs)
            throw new CheckpointException($"'{config.File}' says apply_b_dec_to_input, but b_dec [{outputs}] does not fit the input [{inputs}].");
        var (norm, scale) = Norm(config, kind);
        var weights = new CoderWeights
        {
            Encoder = tensors.TakeTransposed("W_enc", inputs, features),
            // Version 6 stores none for gated coders, earlier versions store one that is not used.
            EncoderBias = kind.Architecture == "gated" && !tensors.Has("b_enc") ? zeros(features) : tensors.Take("b_enc", features),
            Decoder = tensors.Take("W_dec", features, outputs),
            OutputBias = outputBias,
            InputBias = subtracts ? outputBias.clone() : null,
            Skip = kind.Skips ? tensors.Take("W_skip", outputs, inputs) : null,
            Norm = norm,
        };
        if (FineTuned(config, tensors, features) is { } factors) weights = weights.ScaleDecoder(factors);
        return scale is { } s ? weights.FoldInputScale(s) : weights;
    }

    private static Coder Assemble(CoderConfig config, CoderTensors tensors, Kind kind, CoderWeights weights, CoderOptions options, CoderCard card)
    {
        Tensor Vector(string name) => tensors.Take(name, card.Features);
        Func<Coder> make;
        switch (kind.Architecture)
        {
            case "gated":
                var gate = (Bias: Vector("b_gate"), Scale: Vector("r_mag"), Magnitude: Vector("b_mag"));
                int? gatedK = kind.Activation == "topk" ? K(config) : null;
                make = () => new GatedCoder(card, weights, gate.Bias, gate.Scale, gate.Magnitude, gatedK);
                break;
            case "jumprelu":
                var thresholds = tensors.Has("log_threshold") ? Vector("log_threshold").exp() : Vector("threshold");
                make = () => new JumpReluCoder(card, weights, thresholds);
                break;
            case "topk":
                var k = K(config);
                if (Rescales(config)) weights = weights.FoldDecoderNorms().Folded;
                make = () => new TopKCoder(card, weights, k);
                break;
            case "batchtopk":
                var perRow = config.Number("k") ?? throw config.Open("k", "how many features a row keeps on average");
                var threshold = tensors.Scalar("topk_threshold");
                if (Rescales(config)) weights = weights.FoldDecoderNorms().Folded;
                if (options.Select is null)
                    config.ByFormat("select", threshold is null ? "batch" : "threshold", threshold is null ? "no topk_threshold is stored" : "the stored topk_threshold; --select batch selects as training did");
                make = () => new BatchTopKCoder(card, weights, perRow, threshold, options.Select);
                break;
            default:
                make = () => new StandardCoder(card, weights, kind.Activation == "tanh-relu" ? StandardActivation.TanhRelu : StandardActivation.Relu);
                break;
        }
        tensors.Finish();
        config.Finish();
        return make();
    }

    private static bool Rescales(CoderConfig config) =>
        config.Flag("rescale_acts_by_decoder_norm") ?? config.ByFormat("rescale_acts_by_decoder_norm", false, "the library's default");

    private static int K(CoderConfig config) =>
        config.Int("k", "activation_fn_kwargs.k") ?? throw config.Open("k", "how many features a row of a top-k coder keeps");

    private static void CheckSize(CoderConfig config, string key, int size)
    {
        if (config.Int(key) is { } stated && stated != size)
            throw new CheckpointException($"'{config.File}' says {key} = {stated}, but W_enc has {size}.");
    }

    // Fine-tuned coders of versions 2 to 5 multiply the codes by a factor per feature on decoding; all ones say nothing.
    private static Tensor? FineTuned(CoderConfig config, CoderTensors tensors, int features)
    {
        var name = tensors.Has("scaling_factor") ? "scaling_factor" : tensors.Has("finetuning_scaling_factor") ? "finetuning_scaling_factor" : null;
        var stated = config.Flag("finetuning_scaling_factor") ?? false;
        if (name is null)
            return stated ? throw new CheckpointException($"'{config.File}' says finetuning_scaling_factor, but the weights have no scaling_factor.") : null;
        var factors = tensors.Take(name, features);
        if (stated) return factors;
        if (factors.ne(1).any().item<bool>())
            throw new CheckpointException($"'{config.File}' does not say finetuning_scaling_factor, but {name} is not all ones. Say it with --set finetuning_scaling_factor=true.");
        return null;
    }

    private static (InputNorm Norm, double? Scale) Norm(CoderConfig config, Kind kind)
    {
        var stored = config.Json.TryGetProperty("normalize_activations", out var value) ? value.ValueKind : JsonValueKind.Undefined;
        var name = stored switch
        {
            JsonValueKind.True => "expected_average_only_in",
            JsonValueKind.False or JsonValueKind.Null => "none",
            JsonValueKind.Undefined => config.ByFormat("normalize_activations", "none", "the library's default"),
            _ => config.Text("normalize_activations") ?? "none",
        };
        switch (name)
        {
            case "none":
                return (InputNorm.None, null);
            case "layer_norm":
                return (InputNorm.LayerNorm, null);
            case "constant_norm_rescale":
                return (InputNorm.ConstantNorm, null);
            case "expected_average_only_in" when kind.IsTranscoder:
                throw config.Unknown("normalize_activations", name + " of a transcoder", "none", "layer_norm", "constant_norm_rescale");
            case "expected_average_only_in":
                var scale = config.Number("norm_scaling_factor") ?? throw config.Open(
                    "norm_scaling_factor", "the factor √d/E‖x‖ that the inputs were multiplied by in training; releases list it apart from the files, 1 leaves inputs as they are");
                return scale > 0 ? (InputNorm.None, scale) : throw new OptionsException($"norm_scaling_factor = {scale} must be above 0.");
            default:
                throw config.Unknown("normalize_activations", name, "none", "layer_norm", "constant_norm_rescale", "expected_average_only_in");
        }
    }

    private static bool Flattens(CoderConfig config, string hook) => config.Text("reshape_activations") switch
    {
        null => hook.Contains("hook_z", StringComparison.Ordinal) && config.ByFormat("reshape_activations", true, "the place is hook_z"),
        "none" => false,
        "hook_z" => true,
        var other => throw config.Unknown("reshape_activations", other, "none", "hook_z"),
    };

    private static Provenance Origin(CoderConfig config, CoderCandidate candidate) => new()
    {
        Format = "SAELens " + (config.Text("metadata.sae_lens_version", "sae_lens_version", "sae_lens_training_version") ?? "before 3"),
        Path = candidate.Weights,
        ModelName = config.Text("metadata.model_name", "model_name") ?? "",
        HookName = config.Text("metadata.hook_name", "hook_name", "hook_point") ?? "",
        Head = config.Int("metadata.hook_head_index", "hook_head_index", "hook_point_head_index"),
        Published = Published.In(config.Json),
        Config = config.Json,
    };

    /// <summary>What the architecture's name and the activation's name say together.</summary>
    private sealed record Kind(string Architecture, string Activation, bool IsTranscoder, bool Skips)
    {
        private static readonly string[] s_known =
            ["standard", "gated", "jumprelu", "topk", "batchtopk", "matryoshka_batchtopk", "transcoder", "skip_transcoder", "jumprelu_transcoder"];

        internal static Kind Read(CoderConfig config)
        {
            var name = config.Text("architecture") ?? config.ByFormat("architecture", "standard", "the only one when the file was written");
            var activation = config.Text("activation_fn_str", "activation_fn") ?? "relu";
            var kind = name switch
            {
                "standard" when activation == "topk" => new Kind("topk", activation, false, false),
                "standard" => new Kind("standard", activation, false, false),
                "gated" => new Kind("gated", activation, false, false),
                "jumprelu" => new Kind("jumprelu", activation, false, false),
                "topk" => new Kind("topk", "topk", false, false),
                "batchtopk" or "matryoshka_batchtopk" => new Kind("batchtopk", "relu", false, false),
                "transcoder" => new Kind("standard", activation, true, false),
                "skip_transcoder" => new Kind("standard", activation, true, true),
                "jumprelu_transcoder" => new Kind("jumprelu", activation, true, false),
                _ => throw config.Unknown("architecture", name, s_known),
            };
            var allowed = kind.Architecture switch
            {
                "standard" => activation is "relu" or "tanh-relu",
                "gated" => activation is "relu" or "topk",
                "jumprelu" => activation is "relu",
                _ => true,
            };
            return allowed ? kind : throw config.Unknown("activation_fn", $"{activation} of architecture {name}", "relu", "tanh-relu (standard)", "topk (standard, gated)");
        }
    }
}
