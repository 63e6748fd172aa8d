using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Checkpoints of the BatchTopK repository and those that grew from it (top-AFA): <c>sae.pt</c> beside <c>config.json</c> with
/// <c>act_size</c>, <c>dict_size</c> and <c>sae_type</c>. Top-k kinds store b_enc and do not use it.
/// </summary>
public sealed class BatchTopKRepositoryFormat : StateDictFormat
{
    private static readonly string[] s_types = ["vanilla", "topk", "batchtopk", "jumprelu"];

    /// <inheritdoc/>
    public override string Name => "BatchTopK repository";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.Json("config.json") is not { } config || !config.TryGetProperty("act_size", out _) || !config.TryGetProperty("dict_size", out _)) return [];
        return folder.EndingWith(".pt")
            .Where(file => folder.TensorNames(file) is { } names ? names.IsSupersetOf(["W_enc", "W_dec", "b_dec"]) : file == "sae.pt")
            .Select(file => new CoderCandidate(this, folder[file], folder["config.json"]));
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var (inputs, features) = tensors.Sizes("W_enc");
        reading.CheckSize("act_size", inputs);
        reading.CheckSize("dict_size", features);
        tensors.Ignore("num_batches_not_active");
        var type = config.Text("sae_type") ?? throw config.Open("sae_type", "one of " + string.Join(", ", s_types));
        if (!s_types.Contains(type)) throw config.Unknown("sae_type", type, s_types);
        var bias = tensors.Take("b_dec", inputs);
        var stored = tensors.Take("b_enc", features);
        var usesBias = type is "vanilla" or "jumprelu";
        if (!usesBias) config.ByFormat("b_enc", "unused", "in top-k kinds");
        var subtracts = type != "jumprelu" || config.ByFormat("apply_b_dec_to_input", false, "the default of its jumprelu");
        var weights = new CoderWeights
        {
            Encoder = tensors.TakeTransposed("W_enc", inputs, features),
            EncoderBias = usesBias ? stored : zeros(features),
            Decoder = tensors.Take("W_dec", features, inputs),
            OutputBias = bias,
            InputBias = subtracts ? bias.clone() : null,
            Norm = config.Flag("input_unit_norm") is true ? InputNorm.LayerNorm : InputNorm.None,
        };
        var hook = config.Text("hook_point") ?? (config.Text("site") is { } site && config.Int("layer") is { } layer ? $"blocks.{layer}.hook_{site}" : "");
        var card = CoderReading.Card(type == "vanilla" ? "standard" : type, weights, reading.Origin("BatchTopK repository", config.Text("model_name") ?? "", hook));
        switch (type)
        {
            case "vanilla": return () => new StandardCoder(card, weights);
            case "jumprelu":
                var thresholds = tensors.Take("jumprelu.log_threshold", features).exp();
                return () => new JumpReluCoder(card, weights, thresholds);
            case "topk":
                var k = reading.K("top_k");
                return () => new TopKCoder(card, weights, k);
            default:
                var average = reading.K("top_k");
                var threshold = tensors.Scalar("threshold");
                reading.NoteSelection(threshold is not null);
                return () => new BatchTopKCoder(card, weights, average, threshold, reading.Options.Select);
        }
    }
}
