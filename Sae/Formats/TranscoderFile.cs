using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// One layer of circuit-tracer's transcoders: W_enc [F, d], W_dec [F, d] (the first release: [d, F]), biases, an optional skip connection.
/// Thresholds make it JumpReLU, k top-k without a ReLU. b_dec is never subtracted.
/// </summary>
internal static class TranscoderFile
{
    internal const string Threshold = "activation_function.threshold";

    /// <summary>Whether tensors are those of one layer.</summary>
    internal static bool IsOne(IReadOnlySet<string> names) => names.IsSupersetOf(["W_enc", "W_dec", "b_enc", "b_dec"]);

    /// <summary>Reads one layer's file, also in the layouts of Gemma Scope, which sets may list. Makes tensors in the current scope.</summary>
    internal static Func<Coder> Read(string file, CoderConfig config, int? layer, bool firstRelease)
    {
        using var source = TensorSource.Open(file);
        var tensors = new CoderTensors(source.Tensors, file);
        (CoderWeights Weights, Tensor? Thresholds) read = tensors.Has("w_enc") ? GemmaScope2Format.Weights(tensors)
            : tensors.Has("threshold") ? GemmaScopeFormat.Weights(tensors)
            : (Weights(tensors, file, firstRelease), null);
        var weights = read.Weights;
        var make = read.Thresholds is { } thresholds
            ? () => new JumpReluCoder(Card(file, config, layer, "jumprelu", weights), weights, thresholds)
            : Selected(file, config, tensors, layer, weights);
        tensors.Finish();
        return make;
    }

    /// <summary>The place of a layer by circuit-tracer's name of its kind; empty where the layer is not known.</summary>
    internal static string Place(string? kind, int? layer) => kind is null || layer is null ? "" : $"blocks.{layer}.{kind}";

    private static CoderWeights Weights(CoderTensors tensors, string file, bool firstRelease)
    {
        var (features, inputs) = tensors.Sizes("W_enc");
        var (rows, columns) = tensors.Sizes("W_dec");
        // Square decoders look alike both ways; only then the release decides.
        var transposed = rows == columns ? firstRelease : columns == features;
        var outputs = transposed ? rows : columns;
        if (tensors.ShapeOf("b_enc") is [var stated] && stated != features)
            throw new CheckpointException($"'{file}': W_enc is [{features}, {inputs}], b_enc [{stated}]; W_enc must be [features, d_model].");
        return new CoderWeights
        {
            Encoder = tensors.Take("W_enc", features, inputs),
            EncoderBias = tensors.Take("b_enc", features),
            Decoder = transposed ? tensors.TakeTransposed("W_dec", outputs, features) : tensors.Take("W_dec", features, outputs),
            OutputBias = tensors.Take("b_dec", outputs),
            Skip = tensors.TakeIfThere("W_skip", outputs, inputs),
        };
    }

    private static Func<Coder> Selected(string file, CoderConfig config, CoderTensors tensors, int? layer, CoderWeights weights)
    {
        var stored = tensors.Scalar("k");
        var activation = config.Text("activation") ?? (tensors.Has(Threshold) ? config.ByFormat("activation", "jump_relu", "thresholds are stored")
            : stored is not null ? config.ByFormat("activation", "topk", "k is stored")
            : config.ByFormat("activation", "relu", "the format's default"));
        switch (activation)
        {
            case "relu": return () => new StandardCoder(Card(file, config, layer, "standard", weights), weights);
            case "jump_relu":
                var thresholds = tensors.Take(Threshold, weights.Features);
                return () => new JumpReluCoder(Card(file, config, layer, "jumprelu", weights), weights, thresholds, signed: true);
            case "topk":
                var k = config.Int("k") ?? (int?)stored ?? throw config.Open("k", "how many features a row keeps");
                return () => new SignedTopKCoder(Card(file, config, layer, "signed_topk", weights), weights, k);
            default: throw config.Unknown("activation", activation, "relu", "jump_relu", "topk");
        }
    }

    private static CoderCard Card(string file, CoderConfig config, int? layer, string architecture, CoderWeights weights)
    {
        var reads = Place(config.Text("feature_input_hook"), layer);
        return CoderReading.Card(architecture, weights, Origin(file, config, reads), Place(config.Text("feature_output_hook"), layer));
    }

    internal static Provenance Origin(string file, CoderConfig config, string hook) => new()
    {
        Format = "circuit-tracer",
        Path = file,
        ModelName = config.Text("model_name") ?? "",
        HookName = hook,
        Config = config.Json,
        ByFormat = config.ByFormatNotes,
    };
}
