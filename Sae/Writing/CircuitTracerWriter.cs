using System.Globalization;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// circuit-tracer: <c>config.yaml</c> with a file for each layer of a set or two for each layer of a cross-layer transcoder; a single coder
/// becomes one <c>layer_N.safetensors</c>, to stand beside those of the other layers.
/// </summary>
public sealed class CircuitTracerWriter : CoderWriter
{
    /// <inheritdoc/>
    public override string Name => "circuit-tracer";

    /// <inheritdoc/>
    public override string? Refuses(ICoder coder) => coder switch
    {
        TranscoderSet set => set.Layers.Select(Refuses).FirstOrDefault(reason => reason is not null) ?? Uneven(set.Layers) ?? Homeless(set.Card, set.Layers.Count),
        CrossLayerCoder cross => cross.Layers.Select(Refuses).FirstOrDefault(reason => reason is not null)
            ?? (cross.Layers.Any(layer => layer is SignedTopKCoder) ? "its loader reads no top-k cross-layer transcoders" : null)
            ?? (cross.Layers.Any(layer => ((Coder)layer).Weights.Skip is not null) ? "its loader reads no skip connections of cross-layer transcoders" : null)
            ?? Homeless(cross.Card, cross.Layers.Count),
        Coder one => RefusesOne(one),
        _ => CoderForm.NotPlain(coder),
    };

    /// <inheritdoc/>
    private protected override IEnumerable<string> Files(ICoder coder) => coder switch
    {
        TranscoderSet set => [.. set.Layers.Select((_, layer) => LayerName(layer)), "config.yaml"],
        CrossLayerCoder cross => [.. cross.Layers.SelectMany((_, layer) => new[] { $"W_enc_{layer}.safetensors", $"W_dec_{layer}.safetensors" }), "config.yaml"],
        _ => [LayerName(LayerOf(coder))],
    };

    /// <inheritdoc/>
    private protected override void WriteInto(string folder, ICoder coder, ExistingFile existing)
    {
        Directory.CreateDirectory(folder);
        switch (coder)
        {
            case TranscoderSet set:
                for (var layer = 0; layer < set.Layers.Count; layer++) WriteLayer(folder, (Coder)set.Layers[layer], layer, withK: false, existing);
                AtomicFile.WriteText(Path.Combine(folder, "config.yaml"), Config(set.Card, "transcoder_set", set.Layers[0] as SignedTopKCoder), existing);
                break;
            case CrossLayerCoder cross:
                for (var layer = 0; layer < cross.Layers.Count; layer++) WriteCrossLayer(folder, cross, layer, existing);
                AtomicFile.WriteText(Path.Combine(folder, "config.yaml"), Config(cross.Card, "cross_layer_transcoder", null), existing);
                break;
            default:
                WriteLayer(folder, (Coder)coder, LayerOf(coder), withK: true, existing);
                break;
        }
    }

    private static string LayerName(int layer) => $"layer_{layer}.safetensors";

    private static int LayerOf(ICoder coder) => coder.Card.Reads is [{ Path.Layer: >= 0 } site] ? site.Path.Layer : 0;

    private static string? RefusesOne(Coder coder) => CoderForm.NotPlain(coder) ?? CoderForm.Normed(coder) ?? coder switch
    {
        StandardCoder { Activation: StandardActivation.Relu } => null,
        StandardCoder standard => $"the library has no {standard.Activation} activation",
        JumpReluCoder jump when !jump.Signed && CoderForm.MayBeNegative(jump) => "it has thresholds below zero, above which the library keeps negative values",
        JumpReluCoder or SignedTopKCoder => null,
        TopKCoder => "the library's top-k keeps negative values, and this coder does not",
        BatchTopKCoder { Selection: Selection.Threshold } => null,
        BatchTopKCoder => "it selects over the batch",
        _ => $"the library has no activation for {coder.Card.Architecture}",
    };

    private static string? Uneven(IReadOnlyList<ISparseCoder> layers) =>
        layers.Select(layer => (layer.GetType(), (layer as SignedTopKCoder)?.K)).Distinct().Count() > 1 ? "its layers have different activations" : null;

    // Sets state one kind of place for all layers, which are 0 to L − 1.
    private static string? Homeless(CoderCard card, int layers)
    {
        var fits = new[] { card.Reads, card.Writes }.All(places => places.Count == layers
            && places.Select(place => place.Kind).Distinct().Count() == 1 && places.Select((place, at) => place.Path.Layer == at).All(same => same));
        return fits ? null : "the layout needs one kind of place for the layers 0 to L − 1, and this coder does not state it";
    }

    private static string Config(CoderCard card, string kind, SignedTopKCoder? topk)
    {
        var lines = new List<string>
        {
            $"model_name: {Quoted(card.Origin.ModelName)}",
            $"model_kind: {kind}",
            $"feature_input_hook: {Quoted(card.Reads[0].Kind.Name)}",
            $"feature_output_hook: {Quoted(card.Writes[0].Kind.Name)}",
            $"scan: {Quoted(card.Origin.ModelName)}",
        };
        if (topk is not null) lines.AddRange(["activation: topk", $"k: {topk.K.ToString(CultureInfo.InvariantCulture)}"]);
        return string.Join('\n', lines) + "\n";
    }

    private static string Quoted(string text) => "'" + text.Replace("'", "''", StringComparison.Ordinal) + "'";

    private static void WriteLayer(string folder, Coder coder, int layer, bool withK, ExistingFile existing)
    {
        var weights = coder.Weights;
        var tensors = new List<(string, Tensor)>
        {
            ("W_enc", weights.Encoder), ("W_dec", weights.Decoder), ("b_enc", CoderForm.EncoderBias(coder, null)), ("b_dec", weights.OutputBias),
        };
        if (weights.Skip is { } skip) tensors.Add(("W_skip", skip));
        if (Thresholds(coder) is { } thresholds) tensors.Add((TranscoderFile.Threshold, thresholds));
        if (withK && coder is SignedTopKCoder topk) tensors.Add(("k", tensor((long)topk.K)));
        Safetensors.Write(Path.Combine(folder, LayerName(layer)), tensors, existing: existing);
    }

    private static void WriteCrossLayer(string folder, CrossLayerCoder coder, int layer, ExistingFile existing)
    {
        var own = (Coder)coder.Layers[layer];
        var tensors = new List<(string, Tensor)>
        {
            ($"W_enc_{layer}", own.Weights.Encoder), ($"b_enc_{layer}", CoderForm.EncoderBias(own, null)), ($"b_dec_{layer}", own.Weights.OutputBias),
        };
        if (Thresholds(own) is { } thresholds) tensors.Add(($"threshold_{layer}", thresholds));
        Safetensors.Write(Path.Combine(folder, $"W_enc_{layer}.safetensors"), tensors, existing: existing);
        var decoder = stack(Enumerable.Range(layer, coder.Layers.Count - layer).Select(to => coder.Directions(layer, to)), 1);
        Safetensors.Write(Path.Combine(folder, $"W_dec_{layer}.safetensors"), [($"W_dec_{layer}", decoder)], existing: existing);
    }

    private static Tensor? Thresholds(Coder coder) => coder switch
    {
        JumpReluCoder jump => jump.Thresholds,
        BatchTopKCoder batch => CoderForm.Thresholds(batch),
        _ => null,
    };
}
