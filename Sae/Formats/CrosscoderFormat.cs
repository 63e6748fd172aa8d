using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Crosscoders of dictionary_learning's forks: <c>model_final.pt</c> or <c>ae.pt</c> beside <c>config.json</c>, or a hub folder with
/// <c>model.safetensors</c>. The oldest hold four tensors only; their code normalisation is CROSSCODER.
/// </summary>
public sealed class CrosscoderFormat : StateDictFormat
{
    private enum Normalization
    {
        Crosscoder = 1,
        Sae = 2,
        Mixed = 3,
        None = 4,
        Decoupled = 5,
    }

    /// <inheritdoc/>
    public override string Name => "dictionary_learning crosscoders";

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Wrappers => ["ae."];

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        foreach (var file in folder.EndingWith(".pt", ".safetensors"))
        {
            if (folder.Shapes(file) is not { } shapes) continue;
            var sites = shapes.Where(tensor => tensor.Key is "encoder.weight" or "decoder.weight" or "ae.encoder.weight" or "ae.decoder.weight").ToList();
            if (sites.Count == 2 && sites.All(tensor => tensor.Value.Count == 3))
                yield return new CoderCandidate(this, folder[file], DictionaryLearningFormat.Config(folder) ?? (folder.Has("config.json") ? folder["config.json"] : null));
        }
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var shape = tensors.Shape("encoder.weight", 3);
        var (sites, width, features) = (shape[0], shape[1], shape[2]);
        foreach (var key in new[] { "encoder_layers", "latent_processor", "num_decoder_layers" })
            if (config.Has(key)) throw new CheckpointException($"'{config.File}' sets {key}; crosscoders whose encoder and decoder read all layers alike are built.");
        var decoder = tensors.Take("decoder.weight", sites, features, width);
        var norms = decoder.norm(2);
        var normalization = Read(reading);
        var weights = new CoderWeights
        {
            Encoder = tensors.Take("encoder.weight", sites, width, features).permute(2, 0, 1).reshape(features, sites * width).contiguous(),
            EncoderBias = tensors.Take("encoder.bias", features),
            Decoder = decoder.permute(1, 0, 2).reshape(features, sites * width).contiguous(),
            OutputBias = tensors.Take("decoder.bias", sites, width).flatten(),
            CodeNorms = CodeNorms(config, normalization, norms),
        };
        weights = ActivationNormalizer.Fold(reading, weights, sites, width);
        var batchwise = tensors.Has("threshold") || tensors.Has("k") || config.Text("trainer.dict_class") == "BatchTopKCrossCoder";
        var origin = reading.Origin("dictionary_learning crosscoder", config.Text("trainer.lm_name") ?? "", config.Text("trainer.submodule_name") ?? Layer(config));
        CoderCard Card(string architecture) => CoderReading.Card(architecture, weights, origin) with { Sites = sites, Reads = [], Writes = [] };
        if (!batchwise) return () => new StandardCoder(Card("standard"), weights);
        var k = tensors.Scalar("k") is { } stored ? checked((int)stored) : reading.K("k", "trainer.k");
        return normalization == Normalization.Decoupled
            ? Decoupled(reading, weights, norms, k, Card("decoupled_crosscoder"))
            : ByBatch(reading, weights, k, Card("batchtopk"));
    }

    private static Func<ICoder> ByBatch(CoderReading reading, CoderWeights weights, int k, CoderCard card)
    {
        var threshold = reading.Tensors.Scalar("threshold");
        reading.NoteSelection(threshold is not null);
        return () => new BatchTopKCoder(card, weights, k, threshold, reading.Options.Select);
    }

    private static Func<ICoder> Decoupled(CoderReading reading, CoderWeights weights, Tensor norms, int k, CoderCard card)
    {
        var stored = reading.Tensors.TakeIfThere("threshold", card.Sites);
        if (stored is null && reading.Options.Select == Selection.Threshold) throw new OptionsException($"{card.Name} stores no threshold: use --select batch.");
        reading.NoteSelection(stored is not null);
        var thresholds = reading.Options.Select == Selection.Batch ? null : stored?.unsqueeze(1);
        return () => new DecoupledCrosscoder(card, weights, norms, thresholds, thresholds is null ? k : null) { SelectsBatchwise = true };
    }

    private static Normalization Read(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        if (tensors.Scalar("code_normalization_id") is { } id)
            return Enum.IsDefined((Normalization)(int)id)
                ? (Normalization)(int)id
                : throw config.Unknown("code_normalization_id", id.ToString("g"), "1 CROSSCODER", "2 SAE", "3 MIXED", "4 NONE", "5 DECOUPLED");
        var name = config.Text("code_normalization", "trainer.code_normalization", "trainer.dict_class_kwargs.code_normalization")
            ?? config.ByFormat("code_normalization", "CROSSCODER", "the only one when the file was written");
        return Enum.TryParse<Normalization>(name, ignoreCase: true, out var known) && Enum.IsDefined(known)
            ? known
            : throw config.Unknown("code_normalization", name, "CROSSCODER", "SAE", "MIXED", "NONE", "DECOUPLED");
    }

    // From the written lengths [sites, F] to one number per feature.
    private static Tensor CodeNorms(CoderConfig config, Normalization normalization, Tensor norms)
    {
        Tensor Together() => norms.square().sum(0L).sqrt();
        double Share(string key, double usual) => config.Number(key, "trainer." + key) ?? config.ByFormat(key, usual, "the library's default");
        return normalization switch
        {
            Normalization.Sae => Together(),
            Normalization.Mixed => Together() * Share("code_normalization_alpha_sae", 1) + norms.sum(0L) * Share("code_normalization_alpha_cc", 0.1),
            Normalization.None => ones(norms.shape[1]),
            _ => norms.sum(0L),
        };
    }

    private static string Layer(CoderConfig config) => config.Int("trainer.layer") is { } layer ? $"layer {layer}" : "";
}
