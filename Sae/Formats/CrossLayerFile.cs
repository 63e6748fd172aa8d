using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>One layer of a cross-layer transcoder while it is read.</summary>
/// <param name="Weights">Its encoder, with the decoder to its own layer.</param>
/// <param name="Further">Its decoders to the later layers, nearest first: [F, d].</param>
/// <param name="Thresholds">θ [F]; null for ReLU.</param>
internal sealed record CrossLayerFile(CoderWeights Weights, IReadOnlyList<Tensor> Further, Tensor? Thresholds)
{
    /// <summary>The coder of all layers. Weights of the current scope are taken over.</summary>
    internal static CrossLayerCoder Assemble(string path, CoderConfig config, IReadOnlyList<CrossLayerFile> layers)
    {
        IReadOnlyList<string> Places(string key) => [.. Enumerable.Range(0, layers.Count).Select(layer => TranscoderFile.Place(config.Text(key), layer))];
        var (reads, writes) = (Places("feature_input_hook"), Places("feature_output_hook"));
        var coders = layers.Select((layer, number) =>
        {
            var card = CoderReading.Card(layer.Thresholds is null ? "standard" : "jumprelu", layer.Weights, TranscoderFile.Origin(path, config, reads[number]), writes[number]);
            return layer.Thresholds is { } thresholds
                ? (ISparseCoder)new JumpReluCoder(card, layer.Weights, thresholds, signed: true)
                : new StandardCoder(card, layer.Weights);
        }).ToList();
        var first = coders[0].Card;
        return new CrossLayerCoder(new CoderCard
        {
            Architecture = $"cross_layer_transcoder ({layers.Count} layers, {first.Architecture})",
            Inputs = first.Inputs,
            Features = first.Features,
            Outputs = first.Outputs,
            Reads = HookNames.ReadAll(reads),
            Writes = HookNames.ReadAll(writes),
            Origin = TranscoderFile.Origin(path, config, config.Text("feature_input_hook") ?? ""),
        }, coders, [.. layers.Select(layer => layer.Further)]);
    }
}
