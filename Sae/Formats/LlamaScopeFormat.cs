using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Llama Scope (2024): <c>hyperparams.json</c> with <c>checkpoints/final.safetensors</c> below it. By default the publisher's loading:
/// dataset norms folded, decoder rows brought to unit length, thresholds as stored. <c>--convention saelens</c> folds the input's norm into
/// everything, thresholds included, and leaves decoder rows as they are.
/// </summary>
public sealed class LlamaScopeFormat : StateDictFormat
{
    private const string SaeLens = "saelens";
    private const string ConfigName = "hyperparams.json";

    // The order in which the publisher's loader looks.
    private static readonly string[] s_files =
    [
        "sae_weights.safetensors", "sae_weights.pt", "checkpoints/pruned.safetensors", "checkpoints/pruned.pt", "checkpoints/final.safetensors", "checkpoints/final.pt",
    ];

    /// <inheritdoc/>
    public override string Name => "Llama Scope";

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Conventions => [SaeLens];

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Wrappers => ["sae."];

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        // A file of the folder "checkpoints" may be named itself.
        foreach (var root in new[] { folder.Path, Path.GetFileName(folder.Path) == "checkpoints" ? Path.GetDirectoryName(folder.Path)! : null }.OfType<string>())
        {
            var config = Path.Combine(root, ConfigName);
            var found = s_files.Select(file => Path.Combine([root, .. file.Split('/')])).Where(File.Exists).ToList();
            if (!File.Exists(config) || found.Count == 0) continue;
            foreach (var file in found)
                yield return new CoderCandidate(this, file, config) { Extent = file == found[0] ? CoderExtent.Whole : CoderExtent.Part };
        }
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        if (config.Flag("use_glu_encoder") is true) throw config.Unknown("use_glu_encoder", "true", "false");
        var (features, inputs) = tensors.Sizes("encoder.weight");
        reading.CheckSize("d_model", inputs);
        reading.CheckSize("d_sae", features);
        var outputBias = config.Flag("use_decoder_bias") is false ? zeros(inputs) : tensors.Take("decoder.bias", inputs);
        var subtracts = config.Flag("apply_decoder_bias_to_pre_encoder") ?? config.ByFormat("apply_decoder_bias_to_pre_encoder", false, "the library's default");
        var (scaleIn, scaleOut) = Scales(config, inputs);
        var weights = new CoderWeights
        {
            Encoder = tensors.Take("encoder.weight", features, inputs),
            EncoderBias = tensors.Take("encoder.bias", features),
            Decoder = tensors.TakeTransposed("decoder.weight", inputs, features),
            OutputBias = outputBias,
            InputBias = subtracts ? outputBias.clone() : null,
        };
        double? threshold = config.Number("jump_relu_threshold") is { } stored and > 0 ? stored : null;
        if (reading.Options.Convention == SaeLens)
        {
            weights = weights.FoldInputScale(scaleIn);
            return Selected(reading, weights, threshold * scaleIn);
        }
        config.ByFormat("convention", "publisher", $"thresholds as stored, unit decoder rows; --convention {SaeLens} reads as SAELens does");
        weights = Standardised(weights, scaleIn, scaleOut);
        if (config.Flag("sparsity_include_decoder_norm") ?? config.ByFormat("sparsity_include_decoder_norm", true, "the library's default"))
            weights = weights.FoldDecoderNorms().Folded;
        return Selected(reading, weights, threshold);
    }

    /// <summary>The publisher's folding of dataset norms: raw inputs from now on, codes divided by s_in.</summary>
    internal static CoderWeights Standardised(CoderWeights weights, double scaleIn, double scaleOut) => new()
    {
        Encoder = weights.Encoder,
        EncoderBias = weights.EncoderBias / scaleIn,
        Decoder = weights.Decoder * (scaleIn / scaleOut),
        OutputBias = weights.OutputBias / scaleOut,
        InputBias = weights.InputBias is { } bias ? bias / scaleIn : null,
    };

    // √d over the data's average length, at the place that is read and the place that is written.
    private static (double In, double Out) Scales(CoderConfig config, int width)
    {
        var kind = config.Text("norm_activation") ?? config.ByFormat("norm_activation", "dataset-wise", "the library's default");
        if (kind == "inference") return (1, 1);
        if (kind != "dataset-wise") throw config.Unknown("norm_activation", kind, "dataset-wise", "inference");
        double Scale(string side) => Math.Sqrt(width) / (config.Number($"dataset_average_activation_norm.{side}")
            ?? throw config.Open($"dataset_average_activation_norm.{side}", "the average length of the data's vectors"));
        return (Scale("in"), Scale("out"));
    }

    private static Func<ICoder> Selected(CoderReading reading, CoderWeights weights, double? threshold)
    {
        var config = reading.Config;
        var activation = config.Text("act_fn") ?? throw config.Open("act_fn", "topk, jumprelu or relu");
        var reads = config.Text("hook_point_in", "hook_point") ?? "";
        var origin = reading.Origin("Llama Scope", config.Text("model_name") ?? "", reads);
        CoderCard Card(string architecture) => CoderReading.Card(architecture, weights, origin, config.Text("hook_point_out"));
        // Trained with top-k, released with a threshold.
        if (activation is "jumprelu" or "topk" && threshold is { } theta)
        {
            var thresholds = full(weights.Features, theta);
            return () => new JumpReluCoder(Card("jumprelu"), weights, thresholds);
        }
        if (activation == "jumprelu") throw config.Open("jump_relu_threshold", "the threshold of a jumprelu coder");
        if (activation == "relu") return () => new StandardCoder(Card("standard"), weights);
        if (activation != "topk") throw config.Unknown("act_fn", activation, "topk", "jumprelu", "relu");
        var k = reading.K("top_k");
        return () => new TopKCoder(Card("topk"), weights, k);
    }
}
