using System.Globalization;
using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Matryoshka coders over sparsity (MSAE): one <c>.pth</c> with the model and its preprocessing, (x − mean_center)·scaling_factor, which is
/// folded here. The file's name is the configuration: <c>F_d_ACTIVATION_K[_UW|_RW]_tied_normalize_softcap_dataset.pth</c>.
/// <c>--convention full</c> keeps every positive feature, as the library does when it analyses.
/// </summary>
public sealed class MsaeFormat : StateDictFormat
{
    private const string Full = "full";

    /// <inheritdoc/>
    public override string Name => "MSAE";

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Conventions => [Full];

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Wrappers => ["model."];

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.EndingWith(".pth", ".pt")
            .Where(file => folder.TensorNames(file) is { } names && names.IsSupersetOf(["model.pre_bias", "model.encoder", "model.latent_bias"]))
            .Select(file => new CoderCandidate(this, folder[file]));
    }

    private protected override JsonElement Configuration(CoderCandidate candidate, TensorSource source)
    {
        var said = new Dictionary<string, object?>();
        var words = new Queue<string>(Path.GetFileName(candidate.Weights).Split(".pt")[0].Split('_'));
        if (words.Count >= 7 && int.TryParse(words.Dequeue(), out var features) && int.TryParse(words.Dequeue(), out var inputs))
        {
            var activation = words.Dequeue();
            (said["n_latents"], said["n_inputs"], said["activation"]) = (features, inputs, activation);
            if (activation == "ReLU") words.Dequeue();
            else if (activation.Contains("TopK", StringComparison.Ordinal) && int.TryParse(words.Dequeue(), out var k)) said["k"] = k;
            if (words.TryPeek(out var weighting) && weighting is "UW" or "RW") words.Dequeue();
            if (words.Count >= 3)
            {
                said["tied"] = words.Dequeue() != "False";
                said["normalize"] = words.Dequeue() != "False";
                if (double.TryParse(words.Dequeue(), NumberStyles.Float, CultureInfo.InvariantCulture, out var cap)) said["latent_soft_cap"] = cap;
            }
        }
        // Plain numbers beside the tensors.
        if (source is TorchPickle pickle && pickle.Root.TryGet("scaling_factor", out var factor) && factor is PickleScalar) said["scaling_factor"] = factor.AsDouble();
        return JsonSerializer.SerializeToElement(said);
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var (inputs, features) = tensors.Sizes("encoder");
        reading.CheckSize("n_latents", features);
        reading.CheckSize("n_inputs", inputs);
        tensors.Ignore("latents_activation_frequency", "target_norm");
        var cap = config.Number("latent_soft_cap") ?? throw config.Open("latent_soft_cap", "the file's name tells it; 0 is none");
        var normalize = config.Flag("normalize") ?? throw config.Open("normalize", "whether each vector is normalised; the file's name tells it");
        var bias = tensors.Take("pre_bias", inputs);
        var encoder = tensors.TakeTransposed("encoder", inputs, features);
        var weights = new CoderWeights
        {
            Encoder = encoder,
            EncoderBias = tensors.Take("latent_bias", features),
            Decoder = tensors.Has("decoder") ? tensors.Take("decoder", features, inputs) : encoder.clone(),
            OutputBias = bias,
            InputBias = bias.clone(),
            Norm = normalize ? InputNorm.LayerNorm : InputNorm.None,
            SoftCap = cap > 0 ? cap : null,
        };
        weights = Preprocessed(reading, weights);
        return Selected(reading, weights);
    }

    private static CoderWeights Preprocessed(CoderReading reading, CoderWeights weights)
    {
        var scale = reading.Tensors.Scalar("scaling_factor") ?? reading.Config.Number("scaling_factor")
            ?? throw reading.Config.Open("scaling_factor", "what centred inputs were multiplied by in training; 1 leaves them as they are");
        var mean = reading.Tensors.TakeIfThere("mean_center", weights.Inputs) ?? zeros(weights.Inputs);
        if (weights.Norm == InputNorm.None) return weights.FoldAffine(full(1, scale), mean, full(1, 1 / scale), mean);
        if (scale != 1 || mean.ne(0).any().item<bool>())
            throw new CheckpointException($"'{reading.Candidate.Weights}' both preprocesses its data and normalises each vector; that combination is not built.");
        return weights;
    }

    private static Func<ICoder> Selected(CoderReading reading, CoderWeights weights)
    {
        var config = reading.Config;
        var activation = config.Text("activation") ?? throw config.Open("activation", "the file's name tells it: ReLU, TopKReLU, JumpReLU, …");
        var origin = reading.Origin("MSAE");
        CoderCard Card(string architecture) => CoderReading.Card(architecture, weights, origin);
        if (activation.Contains("abs", StringComparison.Ordinal)) throw config.Unknown("activation", activation, "ReLU", "JumpReLU", "TopKReLU", "TopK", "BatchTopKReLU");
        if (activation == "JumpReLU")
        {
            var thresholds = reading.Tensors.Take("activation.log_threshold", weights.Features).exp();
            return () => new JumpReluCoder(Card("jumprelu"), weights, thresholds);
        }
        var isTopK = activation.Contains("TopK", StringComparison.Ordinal);
        if (activation == "ReLU" || isTopK && reading.Options.Convention == Full) return () => new StandardCoder(Card("standard"), weights);
        if (!isTopK) throw config.Unknown("activation", activation, "ReLU", "JumpReLU", "TopKReLU", "TopK", "BatchTopKReLU");
        var k = reading.K("k");
        switch (activation)
        {
            case "TopKReLU": return () => new TopKCoder(Card("topk"), weights, k);
            case "TopK": return () => new SignedTopKCoder(Card("signed_topk"), weights, k);
            case "BatchTopKReLU":
                reading.NoteSelection(hasThreshold: false);
                return () => new BatchTopKCoder(Card("batchtopk"), weights, k, null, reading.Options.Select);
            default: throw config.Unknown("activation", activation, "ReLU", "JumpReLU", "TopKReLU", "TopK", "BatchTopKReLU");
        }
    }
}
