using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Writes coders as ViT-Prisma stores them, so that its Python loader opens them: <c>config.json</c> and <c>weights.pt</c>.</summary>
public static class PrismaWriter
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    /// <summary>Writes a ReLU, tanh-ReLU, leaky ReLU, top-k or gated coder into a folder, which is made where it is missing.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="coder">The coder.</param>
    /// <param name="metrics">Figures to publish with it, by name.</param>
    /// <param name="training">Further keys of the configuration, such as <c>lr</c>, <c>seed</c> or <c>image_size</c>.</param>
    /// <param name="existing">Whether files that are there may be replaced.</param>
    /// <exception cref="OptionsException">The layout has no form for the coder.</exception>
    public static void Write(
        string folder,
        Coder coder,
        IReadOnlyDictionary<string, double>? metrics = null,
        IReadOnlyDictionary<string, JsonNode?>? training = null,
        ExistingFile existing = ExistingFile.Refuse)
    {
        ArgumentNullException.ThrowIfNull(coder);
        if (Refuses(coder) is { } reason) throw new OptionsException($"{coder.Card.Name} cannot be written as ViT-Prisma stores coders: {reason}.");
        var config = Config(coder, metrics, training);
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        TorchArchive.Write(Path.Combine(folder, "weights.pt"), Tensors(coder), existing);
        AtomicFile.Write(Path.Combine(folder, "config.json"), stream => JsonSerializer.Serialize(stream, config, s_json), existing);
    }

    /// <summary>Why the layout has no form for the coder; null where it has.</summary>
    internal static string? Refuses(Coder coder)
    {
        var (card, weights) = (coder.Card, coder.Weights);
        if (coder is not (TopKCoder or GatedCoder or StandardCoder { Activation: not StandardActivation.Identity }))
            return coder is SignedTopKCoder or AbsTopKCoder or MatchingPursuitCoder ? "it keeps values below zero" : $"the library has ReLU, top-k and gated coders; this is {card.Architecture}";
        if (weights.Skip is not null && weights.Norm != InputNorm.None && !weights.UndoCoversSkip) return "the library scales a skip connection back with the input's norm, and this coder does not";
        if (card.Features % card.Inputs != 0) return $"the library needs d_sae to be a multiple of d_in; {card.Features} is none of {card.Inputs}";
        if (card.Reads is not [{ Path.Layer: >= 0 }]) return $"the library needs one place in a block; the coder reads {(card.Reads.Count == 0 ? "none" : string.Join(", ", card.Reads))}";
        return CoderForm.Transcodes(coder) && card.Writes is not [{ Path.Layer: >= 0 }] ? "the library needs one place in a block that a transcoder writes" : null;
    }

    private static IEnumerable<(string Name, Tensor Value)> Tensors(Coder coder)
    {
        var weights = coder.Weights;
        var transcodes = CoderForm.Transcodes(coder);
        // Always subtracted from the input; a transcoder has another one for the output.
        var inputBias = transcodes ? weights.InputBias ?? zeros(coder.Card.Inputs) : weights.OutputBias;
        yield return ("W_dec", weights.Decoder);
        yield return ("W_enc", weights.EncoderTransposed);
        yield return ("b_enc", CoderForm.EncoderBias(coder, inputBias));
        yield return ("b_dec", inputBias);
        if (transcodes) yield return ("b_dec_out", weights.OutputBias);
        if (weights.Skip is { } skip) yield return ("W_skip", skip);
        if (coder is not GatedCoder gated) yield break;
        yield return ("b_gate", CoderForm.Shifted(gated, gated.GateBias, inputBias));
        yield return ("r_mag", gated.MagnitudeScale);
        yield return ("b_mag", CoderForm.MagnitudeBias(gated, inputBias));
    }

    private static JsonObject Config(Coder coder, IReadOnlyDictionary<string, double>? metrics, IReadOnlyDictionary<string, JsonNode?>? training)
    {
        var (card, weights) = (coder.Card, coder.Weights);
        var (activation, arguments) = coder switch
        {
            TopKCoder topk => ("topk", new JsonObject { ["k"] = topk.K }),
            StandardCoder { Activation: StandardActivation.Relu } => ("relu", new JsonObject()),
            StandardCoder { Activation: StandardActivation.TanhRelu } => ("tanh-relu", new JsonObject()),
            StandardCoder leaky => ("leaky_relu", new JsonObject { ["negative_slope"] = leaky.Slope }),
            GatedCoder { K: { } k } => ("topk", new JsonObject { ["k"] = k }),
            _ => ("relu", new JsonObject()),
        };
        var site = card.Reads[0];
        var transcodes = CoderForm.Transcodes(coder);
        var config = new JsonObject
        {
            ["model_class_name"] = "HookedViT",
            ["model_name"] = card.Origin.ModelName,
            ["hook_point_layer"] = site.Path.Layer,
            ["layer_subtype"] = site.Kind.Name,
            ["hook_point_head_index"] = card.Origin.Head,
            ["use_patches_only"] = card.Origin.Scope == TokenScope.Patches,
            ["cls_token_only"] = card.Origin.Scope == TokenScope.Cls,
            ["architecture"] = coder is GatedCoder ? "gated" : "standard",
            ["expansion_factor"] = card.Features / card.Inputs,
            ["is_transcoder"] = transcodes,
            ["d_in"] = card.Inputs,
            ["activation_fn_str"] = activation,
            ["activation_fn_kwargs"] = arguments,
            ["normalize_activations"] = weights.Norm switch
            {
                InputNorm.LayerNorm => "layer_norm",
                InputNorm.ConstantNorm => "constant_norm_rescale",
                _ => "none",
            },
            ["_device"] = "cpu",
            ["_dtype"] = "float32",
        };
        if (transcodes)
        {
            config["d_out"] = card.Outputs;
            config["out_hook_point_layer"] = card.Writes[0].Path.Layer;
            config["layer_out_subtype"] = card.Writes[0].Kind.Name;
            config["transcoder_with_skip_connection"] = weights.Skip is not null;
        }
        foreach (var (key, value) in training ?? new Dictionary<string, JsonNode?>())
            if (!config.TryAdd(key, value?.DeepClone())) throw new OptionsException($"'{key}' follows from the coder and cannot be set.");
        if (metrics is { Count: > 0 }) config["metrics"] = new JsonObject(metrics.Select(metric => KeyValuePair.Create(metric.Key, (JsonNode?)metric.Value)));
        return config;
    }
}
