using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Coders of overcomplete: a whole pickled module (<c>torch.save(model)</c>), which says everything, or a state dict, which does not tell ReLU,
/// top-k and BatchTopK apart. Linear encoder without centring, dictionary rows normalised where they are used, no decoder bias; archetypal
/// dictionaries are convex combinations of candidates plus a bounded relaxation.
/// </summary>
public sealed class OvercompleteFormat : StateDictFormat
{
    private const string Weight = "encoder.final_block.0.weight";
    private static readonly string[] s_classes = ["SAE", "TopKSAE", "BatchTopKSAE", "JumpSAE", "RATopKSAE", "RAJumpSAE"];
    private static readonly string[] s_normalizations = ["l2", "max_l2", "l1", "max_l1", "identity"];

    /// <inheritdoc/>
    public override string Name => "overcomplete";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var files = folder.EndingWith(".pt", ".pth").Where(file => folder.TensorNames(file) is { } names && IsOne(names)).ToList();
        // Where a module lies beside state dicts of the same sizes, it is the one that leaves nothing open.
        var module = files.Count > 1 ? files.FirstOrDefault(file => IsModule(folder[file])) : null;
        return files.Select(file => new CoderCandidate(this, folder[file])
        {
            Extent = module is not null && file != module && !IsModule(folder[file]) && SameSizes(folder.Shapes(module)!, folder.Shapes(file)!) ? CoderExtent.Part : CoderExtent.Whole,
        });
    }

    private static bool IsOne(IReadOnlySet<string> names) => names.Contains(Weight) && (names.Contains("dictionary._weights") || names.Contains("dictionary.Relax"));

    private static bool IsModule(string path)
    {
        using var source = TensorSource.Open(path);
        return source is TorchPickle { Root: PickleObject };
    }

    private static bool SameSizes(IReadOnlyDictionary<string, IReadOnlyList<long>> module, IReadOnlyDictionary<string, IReadOnlyList<long>> other) =>
        other.All(tensor => module.TryGetValue(tensor.Key, out var shape) && shape.SequenceEqual(tensor.Value));

    private protected override JsonElement Configuration(CoderCandidate candidate, TensorSource source)
    {
        if (source is not TorchPickle { Root: PickleObject } pickle) return ConfigFile.Empty;
        var module = (PickleObject)pickle.Root;
        var said = new Dictionary<string, object?> { ["sae_class"] = module.Type.Name.Split('.')[^1] };
        foreach (var (name, value) in pickle.Others)
        {
            switch (name)
            {
                case "top_k" or "running_threshold" or "dictionary.delta" when !value.IsNone: said[name.Split('.')[^1]] = value.AsDouble(); break;
                case "dictionary.normalization": said["normalization"] = value.ToJson()?.ToString().Split("normalize_")[^1]; break;
                case "encoder.output_activation": said["output_activation"] = value.ToJson()?.ToString().Split('.')[^1]; break;
                default: break;
            }
        }
        return JsonSerializer.SerializeToElement(said);
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var (features, inputs) = tensors.Sizes(Weight);
        tensors.Ignore("dictionary._fused_dictionary", "bandwidth");
        config.ByFormat("apply_b_dec_to_input", false, "inputs are not centred");
        var weights = new CoderWeights
        {
            Encoder = tensors.Take(Weight, features, inputs),
            EncoderBias = tensors.Take("encoder.final_block.0.bias", features),
            Decoder = Dictionary(config, tensors, features, inputs),
            OutputBias = zeros(inputs),
        };
        var kind = config.Text("sae_class") ?? ClassOf(config, tensors);
        var origin = reading.Origin("overcomplete");
        CoderCard Card(string architecture) => CoderReading.Card(architecture, weights, origin);
        switch (kind)
        {
            case "SAE":
                // The other classes apply a ReLU of their own to what this activation reads.
                var output = config.Text("output_activation") ?? config.ByFormat("output_activation", "ReLU", "the library's default");
                return output switch
                {
                    "ReLU" => () => new StandardCoder(Card("standard"), weights),
                    "Identity" => () => new StandardCoder(Card("standard"), weights, StandardActivation.Identity),
                    _ => throw config.Unknown("output_activation", output, "ReLU", "Identity"),
                };
            case "TopKSAE" or "RATopKSAE":
                var k = reading.K("top_k", "k");
                return () => new TopKCoder(Card("topk"), weights, k);
            case "JumpSAE" or "RAJumpSAE":
                return Thresholded(Card, weights, tensors.Take("thresholds", features).exp());
            case "BatchTopKSAE":
                config.Number("top_k");
                var threshold = tensors.Scalar("running_threshold") ?? config.Number("running_threshold")
                    ?? throw config.Open("running_threshold", "the threshold found in training; it is an attribute of the module and in no state dict");
                return Thresholded(Card, weights, full(features, threshold));
            default: throw config.Unknown("sae_class", kind, s_classes);
        }
    }

    // Kept where f ≥ θ: above the next smaller number.
    private static Func<ICoder> Thresholded(Func<string, CoderCard> card, CoderWeights weights, Tensor thresholds)
    {
        var below = tensor(thresholds.data<float>().ToArray().Select(MathF.BitDecrement).ToArray());
        return () => new JumpReluCoder(card("jumprelu"), weights, below);
    }

    // A state dict does not tell; a setting that only one class has does.
    private static string ClassOf(CoderConfig config, CoderTensors tensors)
    {
        if (tensors.Has("thresholds")) return config.ByFormat("sae_class", "JumpSAE", "thresholds are stored");
        if (config.Has("running_threshold")) return config.ByFormat("sae_class", "BatchTopKSAE", "the only one with a running_threshold");
        if (config.Has("top_k", "k")) return config.ByFormat("sae_class", "TopKSAE", "the only one with k");
        throw new CheckpointException(
            $"'{config.File}' is a state dict, which leaves open what it selects by. Say it with --set running_threshold=VALUE (BatchTopKSAE), --set top_k=VALUE (TopKSAE) or --set sae_class=SAE (ReLU), or give the file of the whole module.");
    }

    private static Tensor Dictionary(CoderConfig config, CoderTensors tensors, int features, int width)
    {
        var multiplier = Math.Exp(tensors.Scalar("dictionary.multiplier") ?? 0);
        if (tensors.Has("dictionary.Relax")) return Archetypal(config, tensors, features, width) * multiplier;
        var rows = tensors.Take("dictionary._weights", features, width);
        var normalization = config.Text("normalization") ?? config.ByFormat("normalization", "l2", "the library's default");
        Tensor Lengths(int p) => p == 1 ? rows.abs().sum(1, keepdim: true) : rows.norm(1, keepdim: true);
        var unit = normalization switch
        {
            "l2" => rows / Lengths(2).clamp_min(1e-12),
            "l1" => rows / Lengths(1).clamp_min(1e-12),
            "max_l2" => rows / Lengths(2).max().clamp_min(1e-12),
            "max_l1" => rows / Lengths(1).max().clamp_min(1e-12),
            "identity" => rows,
            _ => throw config.Unknown("normalization", normalization, s_normalizations),
        };
        return unit * multiplier;
    }

    // W·C + Λ with the rows of W brought to sum one and those of Λ clipped to length delta.
    private static Tensor Archetypal(CoderConfig config, CoderTensors tensors, int features, int width)
    {
        var candidates = tensors.Sizes("dictionary.C").Rows;
        var delta = tensors.Scalar("dictionary.delta") ?? config.Number("delta") ?? config.ByFormat("delta", 1.0, "the library's default; an attribute of the module and in no state dict");
        var shares = tensors.Take("dictionary.W", features, candidates).relu();
        shares = shares / (shares.sum(1, keepdim: true) + 1e-8);
        var relaxation = tensors.Take("dictionary.Relax", features, width);
        relaxation = relaxation * (delta / relaxation.norm(1, keepdim: true).clamp_min(1e-30)).clamp(max: 1);
        return shares.matmul(tensors.Take("dictionary.C", candidates, width)) + relaxation;
    }
}
