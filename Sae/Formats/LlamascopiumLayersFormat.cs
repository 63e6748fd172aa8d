using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Cross-layer transcoders (<c>W_D.m</c> [m + 1, F, d] writes layer m) and crosscoders (<c>W_D</c> [sites, F, d]) of OpenMOSS' current library,
/// told apart by their decoders.
/// </summary>
public sealed class LlamascopiumLayersFormat : StateDictFormat
{
    /// <inheritdoc/>
    public override string Name => "llamascopium (several layers)";

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Wrappers => ["sae."];

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder) => LlamascopiumFolder.Claims(this, folder, axes: 3);

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        reading.NeedConfig("config.json");
        return reading.Tensors.Has("W_D") ? Crosscoder(reading) : CrossLayer(reading);
    }

    private static Func<ICoder> Crosscoder(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var shape = tensors.Shape("W_E", 3);
        var (sites, width, features) = (shape[0], shape[1], shape[2]);
        var places = Places(config, "hook_points", sites);
        var decoder = tensors.Take("W_D", sites, features, width);
        var (encoderBias, decoderBias) = (tensors.Take("b_E", sites, features), tensors.Take("b_D", sites, width));
        var scales = places.Select(place => LlamascopiumFolder.Scale(config, tensors, place, width) ?? 1).ToArray();
        LlamascopiumFolder.IgnoreScales(tensors);
        var factor = tensor(scales.Select(scale => (float)scale).ToArray()).unsqueeze(1);
        var weights = new CoderWeights
        {
            Encoder = tensors.Take("W_E", sites, width, features).permute(2, 0, 1).reshape(features, sites * width).contiguous(),
            EncoderBias = (encoderBias / factor).sum(0L),
            Decoder = decoder.permute(1, 0, 2).reshape(features, sites * width).contiguous(),
            OutputBias = (decoderBias / factor).flatten(),
        };
        var activation = config.Text("act_fn")?.ToLowerInvariant() ?? config.ByFormat("act_fn", "relu", "the library's default");
        var thresholds = activation switch
        {
            "relu" => zeros(sites, 1),
            "jumprelu" => CrosscoderThresholds(tensors, sites, features),
            _ => throw config.Unknown("act_fn", activation + " of a crosscoder", "relu", "jumprelu"),
        };
        var card = CoderReading.Card("decoupled_crosscoder", weights, reading.Origin("llamascopium", config.Text("model_name", "lm_name") ?? "", string.Join(", ", places)))
            with
        { Sites = sites, Reads = HookNames.ReadAll(places), Writes = HookNames.ReadAll(places) };
        return () => new DecoupledCrosscoder(card, weights, decoder.norm(2), thresholds, null);
    }

    // One threshold per feature, or one per site and feature.
    private static Tensor CrosscoderThresholds(CoderTensors tensors, int sites, int features)
    {
        const string Name = "activation_function.log_jumprelu_threshold";
        return tensors.ShapeOf(Name) is { Count: 1 }
            ? LlamascopiumFolder.Thresholds(tensors, features).unsqueeze(0).expand(sites, features).contiguous()
            : LlamascopiumFolder.Thresholds(tensors, sites, features);
    }

    private static Func<ICoder> CrossLayer(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var shape = tensors.Shape("W_E", 3);
        var (layers, width, features) = (shape[0], shape[1], shape[2]);
        var (reads, writes) = (Places(config, "hook_points_in", layers), Places(config, "hook_points_out", layers));
        var scaleIn = reads.Select(place => LlamascopiumFolder.Scale(config, tensors, place, width) ?? 1).ToArray();
        var scaleOut = writes.Select(place => LlamascopiumFolder.Scale(config, tensors, place, width) ?? 1).ToArray();
        LlamascopiumFolder.IgnoreScales(tensors);
        var (encoder, encoderBias) = (tensors.Take("W_E", layers, width, features), tensors.Take("b_E", layers, features));
        var thresholds = config.Text("act_fn")?.ToLowerInvariant() == "jumprelu" ? LlamascopiumFolder.Thresholds(tensors, layers, features) : null;
        var decoders = Enumerable.Range(0, layers).Select(to => tensors.Take($"W_D.{to}", to + 1, features, width)).ToArray();
        var biases = Enumerable.Range(0, layers).Select(to => tensors.Take($"b_D.{to}", width)).ToArray();
        var includesNorm = config.Flag("sparsity_include_decoder_norm") ?? config.ByFormat("sparsity_include_decoder_norm", true, "the library's default");
        var origin = reading.Origin("llamascopium", config.Text("model_name", "lm_name") ?? "", string.Join(", ", reads));
        Tensor Decoder(int from, int to) => decoders[to].select(0, from) * (scaleIn[from] / scaleOut[to]);

        var makers = new List<Func<Coder>>();
        var further = new List<Tensor[]>();
        for (var layer = 0; layer < layers; layer++)
        {
            var from = layer;
            var weights = new CoderWeights
            {
                Encoder = encoder.select(0, from).t().contiguous(),
                EncoderBias = encoderBias.select(0, from) / scaleIn[from],
                Decoder = Decoder(from, from),
                OutputBias = biases[from] / scaleOut[from],
            };
            further.Add([.. Enumerable.Range(from + 1, layers - from - 1).Select(to => Decoder(from, to))]);
            var norms = includesNorm ? cat([weights.Decoder, .. further[from]], 1).norm(1) : null;
            // The publisher divides these thresholds by the input's scale, unlike those of coders of one layer.
            var own = thresholds is null ? null : thresholds.select(0, from) / scaleIn[from];
            makers.Add(LlamascopiumFolder.Layer(reading, weights, norms, own, architecture => CoderReading.Card(architecture, weights, origin with { HookName = reads[from] }, writes[from])));
        }
        var card = new CoderCard
        {
            Architecture = "cross_layer_transcoder",
            Inputs = width,
            Features = features,
            Outputs = width,
            Reads = HookNames.ReadAll(reads),
            Writes = HookNames.ReadAll(writes),
            Origin = origin,
        };
        return () => new CrossLayerCoder(card, [.. makers.Select(make => make())], further);
    }

    private static IReadOnlyList<string> Places(CoderConfig config, string key, int count)
    {
        var places = config.Texts(key) ?? throw config.Open(key, "the places, one for each layer");
        return places.Count == count ? places : throw new CheckpointException($"'{config.File}' names {places.Count} {key}; the tensors have {count}.");
    }
}
