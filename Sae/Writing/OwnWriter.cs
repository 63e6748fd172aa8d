using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// This library's own layout, <c>prisma-sae/1</c>: <c>config.json</c> and <c>sae.safetensors</c> with tensors in row-vector form. It says every
/// coder with nothing lost.
/// </summary>
public sealed class OwnWriter : CoderWriter
{
    internal const string Version = "prisma-sae/1";
    internal const string ConfigName = "config.json";
    internal const string WeightsName = "sae.safetensors";

    /// <inheritdoc/>
    public override string Name => Version;

    /// <inheritdoc/>
    public override string? Refuses(ICoder coder) => coder switch
    {
        TranscoderSet set => set.Layers.Select(Refuses).FirstOrDefault(reason => reason is not null),
        CrossLayerCoder cross => cross.Layers.Select(Refuses).FirstOrDefault(reason => reason is not null),
        DecoupledCrosscoder or StandardCoder or TopKCoder or SignedTopKCoder or AbsTopKCoder or GroupMaxCoder or BatchTopKCoder or JumpReluCoder or GatedCoder
            or MatchingPursuitCoder => null,
        _ => $"there is no form for {coder.Card.Architecture}",
    };

    /// <inheritdoc/>
    private protected override IEnumerable<string> Files(ICoder coder) => [WeightsName, ConfigName];

    /// <inheritdoc/>
    private protected override void WriteInto(string folder, ICoder coder, ExistingFile existing)
    {
        var tensors = new List<(string, Tensor)>();
        var config = new JsonObject { ["format"] = Version, ["kind"] = Kind(coder) };
        switch (coder)
        {
            case TranscoderSet set:
                config["card"] = CardOf(set.Card);
                config["layers"] = Layers(set.Layers, tensors);
                break;
            case CrossLayerCoder cross:
                config["card"] = CardOf(cross.Card);
                config["layers"] = Layers(cross.Layers, tensors);
                for (var from = 0; from < cross.Layers.Count; from++)
                    for (var to = from + 1; to < cross.Layers.Count; to++) tensors.Add((Cross(from, to), cross.Directions(from, to)));
                break;
            case DecoupledCrosscoder crosscoder:
                Add(config, crosscoder.Card, crosscoder.Weights, "", tensors);
                tensors.Add(("norms", crosscoder.Norms));
                if (crosscoder.Thresholds is { } thresholds) tensors.Add(("thresholds", thresholds));
                config["k"] = crosscoder.K;
                break;
            default:
                Add(config, (Coder)coder, "", tensors);
                break;
        }
        Safetensors.Write(Path.Combine(folder, WeightsName), tensors, new Dictionary<string, string> { ["format"] = "pt" }, existing);
        JsonFile.Write(folder, ConfigName, config, existing);
    }

    /// <summary>The tensor by which one layer writes to a later one.</summary>
    internal static string Cross(int from, int to) => $"layers.{from}.W_dec.{to}";

    private static string Kind(ICoder coder) => coder switch
    {
        TranscoderSet => "set",
        CrossLayerCoder => "cross_layer",
        DecoupledCrosscoder => "decoupled_crosscoder",
        _ => "coder",
    };

    private static JsonArray Layers(IReadOnlyList<ISparseCoder> layers, List<(string, Tensor)> tensors)
    {
        var configs = new JsonArray();
        for (var layer = 0; layer < layers.Count; layer++)
        {
            var config = new JsonObject();
            Add(config, (Coder)layers[layer], $"layers.{layer}.", tensors);
            configs.Add((JsonNode)config);
        }
        return configs;
    }

    private static void Add(JsonObject config, Coder coder, string prefix, List<(string Name, Tensor Value)> tensors)
    {
        Add(config, coder.Card, coder.Weights, prefix, tensors);
        switch (coder)
        {
            case StandardCoder standard:
                config["mathematics"] = "standard";
                config["activation"] = standard.Activation.ToString();
                config["slope"] = standard.Slope;
                break;
            case TopKCoder topk: (config["mathematics"], config["k"]) = ("topk", topk.K); break;
            case SignedTopKCoder signed: (config["mathematics"], config["k"]) = ("signed_topk", signed.K); break;
            case AbsTopKCoder abs: (config["mathematics"], config["k"]) = ("abs_topk", abs.K); break;
            case GroupMaxCoder group: (config["mathematics"], config["k"]) = ("groupmax", group.K); break;
            case MatchingPursuitCoder pursuit: (config["mathematics"], config["k"]) = ("matching_pursuit", pursuit.K); break;
            case BatchTopKCoder batch: (config["mathematics"], config["k"], config["threshold"]) = ("batchtopk", batch.K, batch.Threshold); break;
            case JumpReluCoder jump:
                (config["mathematics"], config["signed"]) = ("jumprelu", jump.Signed);
                tensors.Add((prefix + "threshold", jump.Thresholds));
                break;
            case GatedCoder gated:
                (config["mathematics"], config["k"]) = ("gated", gated.K);
                tensors.AddRange([(prefix + "b_gate", gated.GateBias), (prefix + "r_mag", gated.MagnitudeScale), (prefix + "b_mag", gated.MagnitudeBias)]);
                break;
            default: break;
        }
    }

    private static void Add(JsonObject config, CoderCard card, CoderWeights weights, string prefix, List<(string, Tensor)> tensors)
    {
        config["card"] = CardOf(card);
        config["apply_b_dec_to_input"] = weights.InputBias is { } bias && bias.Equals(weights.OutputBias);
        config["input_norm"] = weights.Norm.ToString();
        config["undo_covers_skip"] = weights.UndoCoversSkip;
        config["encodes_raw"] = weights.EncodesRaw;
        config["soft_cap"] = weights.SoftCap;
        var named = new (string Name, Tensor? Value)[]
        {
            ("W_enc", weights.EncoderTransposed.contiguous()), ("b_enc", weights.EncoderBias), ("W_dec", weights.Decoder), ("b_dec", weights.OutputBias),
            ("b_in", config["apply_b_dec_to_input"]!.GetValue<bool>() ? null : weights.InputBias), ("W_skip", weights.Skip), ("code_norms", weights.CodeNorms),
        };
        tensors.AddRange(named.Where(tensor => tensor.Value is not null).Select(tensor => (prefix + tensor.Name, tensor.Value!)));
        if (card.Statistics is not { } statistics) return;
        tensors.Add((prefix + "feature_mean", tensor(statistics.Mean.ToArray())));
        tensors.Add((prefix + "feature_std", tensor(statistics.Deviation.ToArray())));
    }

    private static JsonObject CardOf(CoderCard card) => new()
    {
        ["architecture"] = card.Architecture,
        ["d_in"] = card.Inputs,
        ["d_sae"] = card.Features,
        ["d_out"] = card.Outputs,
        ["sites"] = card.Sites,
        ["flattens_heads"] = card.FlattensHeads,
        ["hook_in"] = new JsonArray([.. card.Reads.Select(place => (JsonNode)place.ToString())]),
        ["hook_out"] = new JsonArray([.. card.Writes.Select(place => (JsonNode)place.ToString())]),
        ["hook_name"] = card.Origin.HookName,
        ["model"] = card.Origin.ModelName,
        ["default_part"] = card.Origin.DefaultPart,
        ["head"] = card.Origin.Head,
        ["tokens"] = card.Origin.Scope.ToString(),
        ["converted_from"] = card.Origin.Format,
        ["metrics"] = new JsonObject(card.Origin.Published.Select(metric => KeyValuePair.Create(metric.Key, (JsonNode?)metric.Value))),
    };
}
