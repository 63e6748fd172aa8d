using System.Globalization;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// End-to-end coders of e2e_sae: <c>samples_N.pt</c> holds one coder per place, named with dashes (<c>blocks-6-hook_resid_pre.encoder.0.weight</c>).
/// Decoder columns are brought to unit length where they are used; ReLU; nothing is subtracted. <c>--set place=…</c> chooses among several.
/// </summary>
public sealed class E2eSaeFormat : StateDictFormat
{
    private const string Marker = ".encoder.0.weight";
    private const string ConfigName = "final_config.yaml";

    /// <inheritdoc/>
    public override string Name => "e2e_sae";

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Wrappers => ["saes."];

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var files = folder.EndingWith(".pt").Where(file => folder.TensorNames(file)?.Any(name => name.EndsWith(Marker, StringComparison.Ordinal)) == true).ToList();
        // Of the checkpoints of one run, the last is the coder.
        var last = files.MaxBy(Samples);
        return files.Select(file => new CoderCandidate(this, folder[file], folder.Yaml(ConfigName) is null ? null : folder[ConfigName])
        {
            Extent = file == last ? CoderExtent.Whole : CoderExtent.Part,
        });
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var places = tensors.Names.Where(name => name.EndsWith(Marker, StringComparison.Ordinal)).Select(name => name[..^Marker.Length]).ToList();
        var chosen = config.Text("place")?.Replace('.', '-')
            ?? (places.Count == 1 ? places[0] : throw config.Open("place", "the file holds coders for " + string.Join(", ", places.Select(place => place.Replace('-', '.')))));
        if (!places.Contains(chosen)) throw config.Unknown("place", chosen.Replace('-', '.'), places.Select(place => place.Replace('-', '.')));
        tensors.Ignore(tensors.Names.Where(name => !name.StartsWith(chosen + ".", StringComparison.Ordinal)));
        var (features, inputs) = tensors.Sizes(chosen + Marker);
        config.ByFormat("normalize_decoder", true, "decoder columns have unit length where they are used");
        var decoder = tensors.TakeTransposed(chosen + ".decoder.weight", inputs, features);
        var weights = new CoderWeights
        {
            Encoder = tensors.Take(chosen + Marker, features, inputs),
            EncoderBias = tensors.Take(chosen + ".encoder.0.bias", features),
            Decoder = decoder / decoder.norm(-1, keepdim: true).clamp_min(1e-12),
            OutputBias = tensors.Take(chosen + ".decoder.bias", inputs),
        };
        var origin = reading.Origin("e2e_sae", config.Text("tlens_model_name", "model_name") ?? "", chosen.Replace('-', '.'));
        return () => new StandardCoder(CoderReading.Card("standard", weights, origin), weights);
    }

    private static long Samples(string file) =>
        long.TryParse(Path.GetFileNameWithoutExtension(file).Split('_')[^1], NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : -1;
}
