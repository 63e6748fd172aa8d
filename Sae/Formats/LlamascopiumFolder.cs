using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>What llamascopium's coders of one layer, of all layers and its crosscoders have in common.</summary>
internal static class LlamascopiumFolder
{
    private const string ConfigName = "config.json";
    private const string ScalePrefix = "dataset_average_activation_norm.";
    private static readonly string[] s_files = ["sae_weights.safetensors", "sae_weights.pt"];
    private static readonly string[] s_thresholds = ["activation_function.log_jumprelu_threshold", "log_jumprelu_threshold"];
    private static readonly string[] s_activations = ["relu", "jumprelu", "topk", "batchtopk (one layer)"];

    /// <summary>The library's files whose encoder has so many axes: 2 for one layer, 3 for crosscoders and cross-layer transcoders.</summary>
    internal static IEnumerable<CoderCandidate> Claims(CoderFormat format, CoderFolder folder, int axes)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.Has("cfg.json") || folder.Has("hyperparams.json")) yield break;
        foreach (var file in s_files.Where(folder.Has))
        {
            // A damaged file beside a configuration is claimed once, so that reading it says what is wrong.
            if (folder.Shapes(file) is not { } shapes ? axes == 2 && folder.Has(ConfigName) : EncoderAxes(shapes) == axes)
                yield return new CoderCandidate(format, folder[file], folder.Has(ConfigName) ? folder[ConfigName] : null);
        }
    }

    /// <summary>√d over the average length of the data at a place; null where the file stores none, or the data's norm is not folded.</summary>
    internal static double? Scale(CoderConfig config, CoderTensors tensors, string place, int width)
    {
        var kind = config.Text("norm_activation") ?? config.ByFormat("norm_activation", "dataset-wise", "the library's default");
        if (kind == "inference") return null;
        if (kind != "dataset-wise") throw config.Unknown("norm_activation", kind, "dataset-wise", "inference");
        return tensors.Scalar(ScalePrefix + place) is { } norm && double.IsFinite(norm) && norm > 0 ? Math.Sqrt(width) / norm : null;
    }

    internal static void IgnoreScales(CoderTensors tensors) => tensors.Ignore(tensors.Names.Where(name => name.StartsWith(ScalePrefix, StringComparison.Ordinal)));

    /// <summary>θ where the coder has thresholds, [F], or [layers, F] of a coder of several layers.</summary>
    internal static Tensor Thresholds(CoderTensors tensors, params long[] shape) =>
        tensors.Take(s_thresholds.FirstOrDefault(tensors.Has) ?? s_thresholds[0], shape).exp();

    /// <summary>
    /// The coder of one layer. With <paramref name="norms"/> [F], pre-activations are multiplied by them before the selection and codes divided
    /// after it. <paramref name="thresholds"/> are the layer's own; null to take them from the file where there are any.
    /// </summary>
    internal static Func<Coder> Layer(CoderReading reading, CoderWeights weights, Tensor? norms, Tensor? thresholds, Func<string, CoderCard> card)
    {
        var config = reading.Config;
        var activation = config.Text("act_fn")?.ToLowerInvariant() ?? config.ByFormat("act_fn", "relu", "the library's default");
        switch (activation)
        {
            case "relu": return () => new StandardCoder(card("standard"), weights);
            case "jumprelu":
                var stored = thresholds ?? Thresholds(reading.Tensors, weights.Features);
                // z·n > θ is z > θ/n; a feature that writes nothing stays silent.
                var theta = norms is null ? stored : (stored / norms).masked_fill(norms.eq(0), float.PositiveInfinity);
                return () => new JumpReluCoder(card("jumprelu"), weights, theta);
            case "topk":
                var k = reading.K("top_k");
                return () => new TopKCoder(card("topk"), Ranked(weights, norms), k);
            case "batchtopk" when thresholds is null:
                var average = reading.K("top_k");
                reading.NoteSelection(hasThreshold: false);
                return () => new BatchTopKCoder(card("batchtopk"), Ranked(weights, norms), average, null, reading.Options.Select);
            default: throw config.Unknown("act_fn", activation, s_activations);
        }
    }

    private static CoderWeights Ranked(CoderWeights weights, Tensor? norms) => norms is null ? weights : new CoderWeights
    {
        Encoder = weights.Encoder,
        EncoderBias = weights.EncoderBias,
        Decoder = weights.Decoder,
        OutputBias = weights.OutputBias,
        InputBias = weights.InputBias,
        CodeNorms = norms,
    };

    private static int EncoderAxes(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) =>
        shapes.TryGetValue("W_E", out var current) || shapes.TryGetValue("sae.W_E", out current) ? current.Count
            : shapes.TryGetValue("encoder.weight", out var early) || shapes.TryGetValue("sae.encoder.weight", out early) ? early.Count
            : 0;
}
