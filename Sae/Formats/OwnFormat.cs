using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>This library's own layout, <c>prisma-sae/1</c>, as <see cref="OwnWriter"/> writes it.</summary>
public sealed class OwnFormat : StateDictFormat
{
    /// <inheritdoc/>
    public override string Name => OwnWriter.Version;

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.Has(OwnWriter.WeightsName) && IsOne(folder.Json(OwnWriter.ConfigName)))
            yield return new CoderCandidate(this, folder[OwnWriter.WeightsName], folder[OwnWriter.ConfigName]) { Extent = CoderExtent.Folder };
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var config = reading.Config;
        var version = config.Text("format");
        if (version != OwnWriter.Version) throw config.Unknown("format", version, OwnWriter.Version);
        var kind = config.Text("kind") ?? throw config.Open("kind", "coder, set, cross_layer or decoupled_crosscoder");
        return kind switch
        {
            "coder" => One(reading, config, ""),
            "set" => Set(reading),
            "cross_layer" => CrossLayer(reading),
            "decoupled_crosscoder" => Decoupled(reading),
            _ => throw config.Unknown("kind", kind, "coder", "set", "cross_layer", "decoupled_crosscoder"),
        };
    }

    internal static bool IsOne(JsonElement? json) =>
        json is { } config && config.TryGetProperty("format", out var format) && format.ValueKind == JsonValueKind.String && format.GetString()!.StartsWith("prisma-sae/", StringComparison.Ordinal);

    private static Func<Coder> One(CoderReading reading, CoderConfig config, string prefix)
    {
        var tensors = reading.Tensors;
        var (card, weights) = (Card(reading, config, prefix), Weights(reading, config, prefix));
        Tensor Vector(string name) => tensors.Take(prefix + name, weights.Features);
        int K() => config.Int("k") ?? throw config.Open("k", "how many features a row keeps");
        var mathematics = config.Text("mathematics") ?? throw config.Open("mathematics", "how codes are selected");
        switch (mathematics)
        {
            case "standard":
                var activation = Named<StandardActivation>(config, "activation", StandardActivation.Relu);
                var slope = config.Number("slope") ?? StandardCoder.UsualSlope;
                return () => new StandardCoder(card, weights, activation, slope);
            case "topk": return Of(K(), k => new TopKCoder(card, weights, k));
            case "signed_topk": return Of(K(), k => new SignedTopKCoder(card, weights, k));
            case "abs_topk": return Of(K(), k => new AbsTopKCoder(card, weights, k));
            case "groupmax": return Of(K(), k => new GroupMaxCoder(card, weights, k));
            case "matching_pursuit": return Of(K(), k => new MatchingPursuitCoder(card, weights, k));
            case "batchtopk":
                var (average, threshold) = (config.Number("k") ?? throw config.Open("k", "how many features a row keeps on average"), config.Number("threshold"));
                reading.NoteSelection(threshold is not null);
                return () => new BatchTopKCoder(card, weights, average, threshold, reading.Options.Select);
            case "jumprelu":
                var (thresholds, signed) = (Vector("threshold"), config.Flag("signed") ?? false);
                return () => new JumpReluCoder(card, weights, thresholds, signed);
            case "gated":
                var (gate, scale, bias, k) = (Vector("b_gate"), Vector("r_mag"), Vector("b_mag"), config.Int("k"));
                return () => new GatedCoder(card, weights, gate, scale, bias, k);
            default:
                throw config.Unknown("mathematics", mathematics, "standard", "topk", "signed_topk", "abs_topk", "groupmax", "matching_pursuit", "batchtopk", "jumprelu", "gated");
        }
    }

    private static Func<Coder> Of(int k, Func<int, Coder> make) => () => make(k);

    private static Func<ICoder> Set(CoderReading reading)
    {
        var (card, layers) = (Card(reading, reading.Config, ""), Layers(reading));
        return () => new TranscoderSet(card, [.. layers.Select(make => make())]);
    }

    private static Func<ICoder> CrossLayer(CoderReading reading)
    {
        var (card, layers) = (Card(reading, reading.Config, ""), Layers(reading));
        var further = Enumerable.Range(0, layers.Count)
            .Select(from => (IReadOnlyList<Tensor>)[.. Enumerable.Range(from + 1, layers.Count - from - 1).Select(to => reading.Tensors.Take(OwnWriter.Cross(from, to), card.Features, card.Outputs))])
            .ToList();
        return () => new CrossLayerCoder(card, [.. layers.Select(make => make())], further);
    }

    private static Func<ICoder> Decoupled(CoderReading reading)
    {
        var tensors = reading.Tensors;
        var (card, weights) = (Card(reading, reading.Config, ""), Weights(reading, reading.Config, ""));
        var norms = tensors.Take("norms", card.Sites, card.Features);
        var shape = tensors.ShapeOf("thresholds");
        var thresholds = shape is null ? null : tensors.Take("thresholds", card.Sites, shape[^1] == 1 ? 1 : card.Features);
        var k = reading.Config.Int("k");
        return () => new DecoupledCrosscoder(card, weights, norms, thresholds, thresholds is null ? k : null);
    }

    private static List<Func<Coder>> Layers(CoderReading reading)
    {
        if (!reading.Config.Json.TryGetProperty("layers", out var layers) || layers.ValueKind != JsonValueKind.Array) throw reading.Config.Open("layers", "what each layer is");
        return [.. layers.EnumerateArray().Select((layer, at) => One(reading, new CoderConfig(layer, reading.Config.File, CoderOptions.None), $"layers.{at}."))];
    }

    private static CoderWeights Weights(CoderReading reading, CoderConfig config, string prefix)
    {
        var tensors = reading.Tensors;
        var (inputs, features) = tensors.Sizes(prefix + "W_enc");
        var outputs = tensors.Sizes(prefix + "W_dec").Columns;
        var outputBias = tensors.Take(prefix + "b_dec", outputs);
        return new CoderWeights
        {
            Encoder = tensors.TakeTransposed(prefix + "W_enc", inputs, features),
            EncoderBias = tensors.Take(prefix + "b_enc", features),
            Decoder = tensors.Take(prefix + "W_dec", features, outputs),
            OutputBias = outputBias,
            InputBias = config.Flag("apply_b_dec_to_input") is true ? outputBias.clone() : tensors.TakeIfThere(prefix + "b_in", inputs),
            Skip = tensors.TakeIfThere(prefix + "W_skip", outputs, inputs),
            Norm = Named<InputNorm>(config, "input_norm", InputNorm.None),
            UndoCoversSkip = config.Flag("undo_covers_skip") ?? false,
            EncodesRaw = config.Flag("encodes_raw") ?? false,
            CodeNorms = tensors.TakeIfThere(prefix + "code_norms", features),
            SoftCap = config.Number("soft_cap"),
        };
    }

    private static CoderCard Card(CoderReading reading, CoderConfig config, string prefix)
    {
        int Size(string key) => config.Int("card." + key) ?? throw config.Open("card." + key, "a size of the coder");
        return new CoderCard
        {
            Architecture = config.Text("card.architecture") ?? "",
            Inputs = Size("d_in"),
            Features = Size("d_sae"),
            Outputs = Size("d_out"),
            Sites = config.Int("card.sites") ?? 1,
            FlattensHeads = config.Flag("card.flattens_heads") ?? false,
            Reads = HookNames.ReadAll(config.Texts("card.hook_in") ?? []),
            Writes = HookNames.ReadAll(config.Texts("card.hook_out") ?? []),
            Statistics = Statistics(reading.Tensors, prefix, Size("d_sae")),
            Origin = reading.Origin(OwnWriter.Version, config.Text("card.model") ?? "", config.Text("card.hook_name") ?? "") with
            {
                DefaultPart = config.Text("card.default_part") ?? "",
                Head = config.Int("card.head"),
                Scope = Named<TokenScope>(config, "card.tokens", TokenScope.All),
                Published = Published.In(config.Json.TryGetProperty("card", out var card) ? card : config.Json),
            },
        };
    }

    private static FeatureStatistics? Statistics(CoderTensors tensors, string prefix, int features)
    {
        var (mean, deviation) = (tensors.TakeIfThere(prefix + "feature_mean", features), tensors.TakeIfThere(prefix + "feature_std", features));
        return mean is null || deviation is null ? null : new FeatureStatistics(mean.data<float>().ToArray(), deviation.data<float>().ToArray());
    }

    private static T Named<T>(CoderConfig config, string key, T usual) where T : struct, Enum
    {
        var text = config.Text(key);
        if (text is null) return usual;
        return Enum.TryParse<T>(text, out var known) && Enum.IsDefined(known) ? known : throw config.Unknown(key, text, Enum.GetNames<T>());
    }
}
