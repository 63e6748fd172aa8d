using System.Text.RegularExpressions;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Autoencoders of dictionary_learning and its forks: <c>ae.pt</c> beside <c>config.json</c>, or <c>checkpoints/ae_STEP.pt</c> below it. The
/// class follows from the configuration or the tensors' names. AutoEncoder is brought to unit decoder columns as its loader does;
/// <c>--convention raw</c> takes it as stored.
/// </summary>
public sealed partial class DictionaryLearningFormat : StateDictFormat
{
    private const string Raw = "raw";
    private const string ConfigName = "config.json";

    private static readonly string[] s_classes =
        ["AutoEncoder", "AutoEncoderNew", "GatedAutoEncoder", "AutoEncoderTopK", "BatchTopKSAE", "JumpReluAutoEncoder", "MatryoshkaBatchTopKSAE"];

    /// <inheritdoc/>
    public override string Name => "dictionary_learning";

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Conventions => [Raw];

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Wrappers => ["ae."];

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var config = Config(folder);
        foreach (var file in folder.EndingWith(".pt", ".safetensors"))
        {
            // A damaged file beside a configuration is claimed, so that reading it says what is wrong.
            if (folder.Shapes(file) is not { } shapes ? config is not null && file == "ae.pt" : IsOne(shapes, config is not null))
                yield return new CoderCandidate(this, folder[file], config);
        }
    }

    /// <summary>The configuration of a trainer in the folder or, for checkpoints, above it.</summary>
    internal static string? Config(CoderFolder folder)
    {
        var above = Path.GetFileName(folder.Path) == "checkpoints" && Path.GetDirectoryName(folder.Path) is { } parent ? new CoderFolder(parent) : null;
        var found = new[] { folder, above }.FirstOrDefault(at => at is not null && (at.IsDamaged(ConfigName) || at.Json(ConfigName) is { } json && json.TryGetProperty("trainer", out _)));
        return found?[ConfigName];
    }

    // Without a configuration only names that no other library uses are enough.
    private static bool IsOne(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes, bool configured)
    {
        var names = shapes.Keys.Select(name => name.StartsWith("ae.", StringComparison.Ordinal) ? name[3..] : name).ToHashSet(StringComparer.Ordinal);
        if (shapes.Values.Any(shape => shape.Count > 2)) return false;
        if (names.Contains("group_sizes") || names.IsSupersetOf(["decoder_bias", "gate_bias"])) return true;
        if (names.IsSupersetOf(["bias", "encoder.weight", "decoder.weight"]) || names.IsSupersetOf(["b_dec", "encoder.weight", "decoder.weight"])) return true;
        return configured && (names.Contains("encoder.weight") || names.Contains("W_enc"));
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var kind = reading.Config.Text("trainer.dict_class", "dict_class") ?? ClassOf(reading);
        if (reading.Tensors.ShapeOf("encoder.bias") is [var features]) reading.CheckSize("trainer.dict_size", checked((int)features));
        if (reading.Options.Convention == Raw && kind != "AutoEncoder")
            throw new OptionsException($"'{reading.Candidate.Weights}' holds a {kind}, which has one convention only: --convention {Raw} does not apply.");
        return kind switch
        {
            "AutoEncoder" => Standard(reading),
            "AutoEncoderNew" => New(reading),
            "GatedAutoEncoder" => Gated(reading),
            "AutoEncoderTopK" => TopK(reading),
            "BatchTopKSAE" => BatchTopK(reading),
            "JumpReluAutoEncoder" => JumpRelu(reading),
            "MatryoshkaBatchTopKSAE" => Matryoshka(reading),
            _ => throw reading.Config.Unknown("trainer.dict_class", kind, s_classes),
        };
    }

    private static string ClassOf(CoderReading reading)
    {
        var tensors = reading.Tensors;
        var found = tensors.Has("group_sizes") ? "MatryoshkaBatchTopKSAE"
            : tensors.Has("gate_bias") ? "GatedAutoEncoder"
            : tensors.Has("W_enc") ? "JumpReluAutoEncoder"
            : tensors.Has("bias") ? "AutoEncoder"
            : tensors.Has("decoder.bias") ? "AutoEncoderNew"
            : tensors.Has("activation_mean") ? "BatchTopKSAE"
            : throw reading.Config.Open("dict_class", "AutoEncoderTopK and BatchTopKSAE store the same tensors");
        return reading.Config.ByFormat("dict_class", found, "by the tensors' names");
    }

    private static Func<ICoder> Standard(CoderReading reading)
    {
        var weights = Linear(reading.Tensors, "bias", subtracts: true);
        if (reading.Options.Convention != Raw)
        {
            reading.Config.ByFormat("normalize_decoder", true, $"as the library's loader does; --convention {Raw} takes the weights as stored");
            weights = weights.FoldDecoderNorms().Folded;
        }
        return () => new StandardCoder(Card(reading, "standard", weights), weights);
    }

    private static Func<ICoder> New(CoderReading reading)
    {
        var weights = Linear(reading.Tensors, "decoder.bias", subtracts: false);
        return () => new StandardCoder(Card(reading, "standard", weights), weights);
    }

    private static Func<ICoder> Gated(CoderReading reading)
    {
        var weights = Linear(reading.Tensors, "decoder_bias", subtracts: true, hasEncoderBias: false);
        var gate = new[] { "gate_bias", "r_mag", "mag_bias" }.Select(name => reading.Tensors.Take(name, weights.Features)).ToArray();
        return () => new GatedCoder(Card(reading, "gated", weights), weights, gate[0], gate[1], gate[2]);
    }

    private static Func<ICoder> TopK(CoderReading reading)
    {
        var weights = Linear(reading.Tensors, "b_dec", subtracts: true);
        var k = K(reading);
        reading.Tensors.Ignore("threshold");
        return () => new TopKCoder(Card(reading, "topk", weights), weights, k);
    }

    private static Func<ICoder> BatchTopK(CoderReading reading)
    {
        var weights = ActivationNormalizer.Fold(reading, Linear(reading.Tensors, "b_dec", subtracts: true), reading.Tensors.Sizes("encoder.weight").Columns);
        return ByBatch(reading, weights);
    }

    private static Func<ICoder> Matryoshka(CoderReading reading)
    {
        reading.Tensors.Ignore("group_sizes");
        return ByBatch(reading, Direct(reading.Tensors, subtracts: true));
    }

    private static Func<ICoder> JumpRelu(CoderReading reading)
    {
        var subtracts = reading.Config.Flag("trainer.apply_b_dec_to_input")
            ?? reading.Config.ByFormat("apply_b_dec_to_input", reading.Tensors.Has("apply_b_dec_to_input"), "the class's default");
        reading.Tensors.Ignore("apply_b_dec_to_input");
        var weights = Direct(reading.Tensors, subtracts);
        var thresholds = reading.Tensors.Take("threshold", weights.Features);
        return () => new JumpReluCoder(Card(reading, "jumprelu", weights), weights, thresholds);
    }

    private static Func<ICoder> ByBatch(CoderReading reading, CoderWeights weights)
    {
        var k = K(reading);
        var threshold = reading.Tensors.Scalar("threshold");
        reading.NoteSelection(threshold is not null);
        return () => new BatchTopKCoder(Card(reading, "batchtopk", weights), weights, k, threshold, reading.Options.Select);
    }

    private static int K(CoderReading reading)
    {
        var stored = reading.Tensors.Scalar("k");
        return stored is { } k ? checked((int)k) : reading.K("k", "trainer.k");
    }

    private static CoderWeights Linear(CoderTensors tensors, string biasName, bool subtracts, bool hasEncoderBias = true)
    {
        var (features, inputs) = tensors.Sizes("encoder.weight");
        var bias = tensors.Take(biasName, inputs);
        return new CoderWeights
        {
            Encoder = tensors.Take("encoder.weight", features, inputs),
            EncoderBias = hasEncoderBias ? tensors.Take("encoder.bias", features) : zeros(features),
            Decoder = tensors.TakeTransposed("decoder.weight", inputs, features),
            OutputBias = bias,
            InputBias = subtracts ? bias.clone() : null,
        };
    }

    private static CoderWeights Direct(CoderTensors tensors, bool subtracts)
    {
        var (inputs, features) = tensors.Sizes("W_enc");
        var bias = tensors.Take("b_dec", inputs);
        return new CoderWeights
        {
            Encoder = tensors.TakeTransposed("W_enc", inputs, features),
            EncoderBias = tensors.Take("b_enc", features),
            Decoder = tensors.Take("W_dec", features, inputs),
            OutputBias = bias,
            InputBias = subtracts ? bias.clone() : null,
        };
    }

    private static CoderCard Card(CoderReading reading, string architecture, CoderWeights weights) => CoderReading.Card(
        architecture, weights, reading.Origin("dictionary_learning", reading.Config.Text("trainer.lm_name") ?? "", Place(reading.Config)));

    // Names of the library's own trainers, such as resid_post_layer_8; others are kept as they are.
    private static string Place(CoderConfig config)
    {
        var module = config.Text("trainer.submodule_name") ?? "";
        var match = Submodule().Match(module);
        if (!match.Success) return module;
        var site = match.Groups["site"].Value switch
        {
            "resid_pre" => Site.ResidPre,
            "resid_post" => Site.ResidPost,
            "mlp_out" => Site.MlpOut,
            _ => Site.AttnOut,
        };
        return $"blocks.{match.Groups["layer"].Value}.{site.Name}";
    }

    [GeneratedRegex(@"^(?<site>resid_pre|resid_post|mlp_out|attn_out|attention_out)_layer_(?<layer>\d{1,4})$")]
    private static partial Regex Submodule();
}
