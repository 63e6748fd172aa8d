using System.Text.Json;
using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>Writes autoencoders as ViT-Prisma stores them, so that its Python loader opens them: <c>config.json</c> and <c>weights.pt</c>.</summary>
public static class PrismaWriter
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true };

    /// <summary>Writes a ReLU or top-k autoencoder into a folder, which is made where it is missing.</summary>
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
        var config = Config(coder, metrics, training);
        Directory.CreateDirectory(folder);
        using var scope = NewDisposeScope();
        TorchArchive.Write(Path.Combine(folder, "weights.pt"), Tensors(coder), existing);
        AtomicFile.Write(Path.Combine(folder, "config.json"), stream => JsonSerializer.Serialize(stream, config, s_json), existing);
    }

    private static IEnumerable<(string Name, Tensor Value)> Tensors(Coder coder)
    {
        yield return ("W_dec", coder.Weights.Decoder);
        yield return ("W_enc", coder.Weights.EncoderTransposed);
        yield return ("b_enc", coder.Weights.EncoderBias);
        yield return ("b_dec", coder.Weights.OutputBias);
    }

    private static JsonObject Config(Coder coder, IReadOnlyDictionary<string, double>? metrics, IReadOnlyDictionary<string, JsonNode?>? training)
    {
        var (card, weights) = (coder.Card, coder.Weights);
        var (activation, arguments) = coder switch
        {
            TopKCoder topk => ("topk", new JsonObject { ["k"] = topk.K }),
            StandardCoder { Activation: StandardActivation.Relu } => ("relu", new JsonObject()),
            StandardCoder { Activation: StandardActivation.TanhRelu } => ("tanh-relu", new JsonObject()),
            _ => throw new OptionsException($"{card.Name}: ViT-Prisma's layout is written for ReLU, tanh-ReLU and top-k coders; this is {card.Architecture}."),
        };
        if (card.Inputs != card.Outputs || weights.Skip is not null || weights.EncodesRaw || weights.InputBias is null || !weights.InputBias.Equals(weights.OutputBias))
            throw new OptionsException($"{card.Name}: ViT-Prisma's layout is written for autoencoders with one b_dec, subtracted before and added after.");
        if (card.Features % card.Inputs != 0)
            throw new OptionsException($"{card.Name}: ViT-Prisma's layout needs d_sae to be a multiple of d_in; {card.Features} is none of {card.Inputs}.");
        if (card.Reads is not [{ Path.Layer: >= 0 } site])
            throw new OptionsException($"{card.Name}: ViT-Prisma's layout needs one place in a block; the coder reads {(card.Reads.Count == 0 ? "none" : string.Join(", ", card.Reads))}.");
        var config = new JsonObject
        {
            ["model_class_name"] = "HookedViT",
            ["model_name"] = card.Origin.ModelName,
            ["hook_point_layer"] = site.Path.Layer,
            ["layer_subtype"] = site.Kind.Name,
            ["hook_point_head_index"] = null,
            ["use_patches_only"] = card.Origin.Scope == TokenScope.Patches,
            ["cls_token_only"] = card.Origin.Scope == TokenScope.Cls,
            ["architecture"] = "standard",
            ["expansion_factor"] = card.Features / card.Inputs,
            ["is_transcoder"] = false,
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
        foreach (var (key, value) in training ?? new Dictionary<string, JsonNode?>())
            if (!config.TryAdd(key, value?.DeepClone())) throw new OptionsException($"'{key}' follows from the coder and cannot be set.");
        if (metrics is { Count: > 0 }) config["metrics"] = new JsonObject(metrics.Select(metric => KeyValuePair.Create(metric.Key, (JsonNode?)metric.Value)));
        return config;
    }
}
