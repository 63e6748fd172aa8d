using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A bare state dict of W_enc, b_enc, W_dec, b_dec with nothing beside it that says what they mean: the shapes tell the orientation, everything
/// else is asked for.
/// </summary>
public sealed class PlainFormat : StateDictFormat
{
    private static readonly string[] s_names = ["W_enc", "b_enc", "W_dec", "b_dec"];
    private static readonly string[] s_activations = ["relu", "topk", "jumprelu"];

    /// <inheritdoc/>
    public override string Name => "plain state dict";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.EndingWith(".json", ".yaml", ".yml").Any()) return [];
        return folder.EndingWith(".pt", ".pth", ".bin", ".safetensors").Where(file => folder.Shapes(file) is { } shapes && IsOne(shapes) && !HasHeader(folder[file]))
            .Select(file => new CoderCandidate(this, folder[file]));
    }

    /// <summary>Whether tensors are those four, thresholds aside, of one layer.</summary>
    internal static bool IsOne(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes) =>
        s_names.All(shapes.ContainsKey) && shapes.Keys.All(name => s_names.Contains(name) || name == "threshold") && shapes["W_enc"].Count == 2;

    // saev's files say what they are.
    private static bool HasHeader(string path)
    {
        using var file = File.OpenRead(path);
        return !path.EndsWith(".safetensors", StringComparison.Ordinal) && file.ReadByte() == '{';
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        AskForAll(config);
        var activation = config.Text("activation")!;
        if (!s_activations.Contains(activation)) throw config.Unknown("activation", activation, s_activations);
        var weights = Weights(config, tensors);
        var origin = reading.Origin("plain state dict", config.Text("model_name") ?? "", config.Text("hook_name") ?? "");
        CoderCard Card() => CoderReading.Card(activation == "relu" ? "standard" : activation, weights, origin);
        switch (activation)
        {
            case "topk":
                var k = reading.K("k");
                return () => new TopKCoder(Card(), weights, k);
            case "jumprelu":
                var thresholds = tensors.Take("threshold", weights.Features);
                return () => new JumpReluCoder(Card(), weights, thresholds);
            default: return () => new StandardCoder(Card(), weights);
        }
    }

    // All at once, so that nobody is asked three times.
    private static void AskForAll(CoderConfig config)
    {
        var asked = new (string Key, string Values)[]
        {
            ("activation", "relu|topk|jumprelu"), ("apply_b_dec_to_input", "true|false"), ("normalize_activations", "none|layer_norm|constant_norm_rescale"),
        };
        var open = asked.Where(key => !config.Has(key.Key)).ToList();
        if (open.Count > 0)
            throw new CheckpointException(
                $"'{config.File}' is a plain state dict without the config.json or cfg.json that belongs beside it. Say what it leaves open with {string.Join(" ", open.Select(key => $"--set {key.Key}={key.Values}"))}.");
    }

    private static CoderWeights Weights(CoderConfig config, CoderTensors tensors)
    {
        var (rows, columns) = tensors.Sizes("W_enc");
        var features = tensors.ShapeOf("b_enc") is [var stated] ? (int)stated : columns;
        if (features != rows && features != columns) throw new CheckpointException($"'{config.File}': W_enc is [{rows}, {columns}], which does not fit b_enc [{features}].");
        // Where both orientations fit, x·W_enc is what the names stand for.
        var transposed = rows == features && columns != features;
        var inputs = transposed ? columns : rows;
        var bias = tensors.Take("b_dec", inputs);
        var decoder = tensors.Sizes("W_dec");
        config.ByFormat("W_enc", transposed ? "[d_sae, d_in]" : "[d_in, d_sae]", "by the shapes");
        return new CoderWeights
        {
            Encoder = transposed ? tensors.Take("W_enc", features, inputs) : tensors.TakeTransposed("W_enc", inputs, features),
            EncoderBias = tensors.Take("b_enc", features),
            Decoder = decoder == (inputs, features) && inputs != features ? tensors.TakeTransposed("W_dec", inputs, features) : tensors.Take("W_dec", features, inputs),
            OutputBias = bias,
            InputBias = config.Flag("apply_b_dec_to_input")!.Value ? bias.clone() : null,
            Norm = config.Text("normalize_activations") switch
            {
                "none" => InputNorm.None,
                "layer_norm" => InputNorm.LayerNorm,
                "constant_norm_rescale" => InputNorm.ConstantNorm,
                var other => throw config.Unknown("normalize_activations", other, "none", "layer_norm", "constant_norm_rescale"),
            },
        };
    }
}
