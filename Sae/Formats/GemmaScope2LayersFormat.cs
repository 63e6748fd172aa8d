using System.Globalization;
using System.Text.RegularExpressions;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Gemma Scope 2's cross-layer transcoders: a file for each layer whose <c>w_dec</c> [F, layers, d] has a slot for every layer, of which the
/// layer itself and the later ones are used. All layers are read, the last as well.
/// </summary>
public sealed partial class GemmaScope2LayersFormat : CoderFormat
{
    /// <inheritdoc/>
    public override string Name => "Gemma Scope 2 (cross-layer)";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        var first = Files(folder).FirstOrDefault();
        if (first is not null) yield return new CoderCandidate(this, folder[first], folder.Json("config.json") is null ? null : folder["config.json"]) { Extent = CoderExtent.Folder };
    }

    /// <inheritdoc/>
    public override ICoder Read(CoderCandidate candidate, CoderOptions options)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        ArgumentNullException.ThrowIfNull(options);
        using var scope = NewDisposeScope();
        OneConvention.Check(candidate.Weights, options, []);
        var folder = new CoderFolder(Path.GetDirectoryName(candidate.Weights)!);
        var config = new CoderConfig(candidate.Config is { } file ? ConfigFile.Read(file) : ConfigFile.Empty, candidate.Config ?? candidate.Weights, options);
        return OneConvention.Check(Read(config, [.. Files(folder).Select((name, at) => (Number(name) ?? at, folder[name]))]), options);
    }

    /// <summary>The coder of files in the order of their layers. Makes tensors in the current scope.</summary>
    internal static CrossLayerCoder Read(CoderConfig config, IReadOnlyList<(int Number, string File)> files)
    {
        var gap = files.Select((file, at) => (file.Number, at)).FirstOrDefault(pair => pair.Number != pair.at);
        if (gap.Number != gap.at) throw new CheckpointException($"'{Path.GetDirectoryName(files[0].File)}' has no file for layer {gap.at}; a cross-layer transcoder needs all layers from 0.");
        var layers = files.Select(file => Layer(file.File, file.Number, files.Count)).ToList();
        config.Text("model_kind", "scan");
        config.Finish();
        return CrossLayerFile.Assemble(Path.GetDirectoryName(files[0].File)!, config, layers);
    }

    private static CrossLayerFile Layer(string file, int layer, int count)
    {
        using var source = TensorSource.Open(file);
        var tensors = new CoderTensors(source.Tensors, file);
        var (inputs, features) = tensors.Sizes("w_enc");
        var outputs = tensors.Shape("w_dec", 3)[2];
        var slots = tensors.Take("w_dec", features, count, outputs);
        var skip = tensors.TakeIfThere("affine_skip_connection", inputs, outputs);
        var weights = new CoderWeights
        {
            Encoder = tensors.TakeTransposed("w_enc", inputs, features),
            EncoderBias = tensors.Take("b_enc", features),
            Decoder = slots.select(1, layer).contiguous(),
            OutputBias = tensors.Take("b_dec", outputs),
            Skip = skip?.t().contiguous(),
        };
        var thresholds = tensors.Take("threshold", features);
        tensors.Finish();
        return new CrossLayerFile(weights, [.. Enumerable.Range(layer + 1, count - layer - 1).Select(slot => slots.select(1, slot).contiguous())], thresholds);
    }

    private static IEnumerable<string> Files(CoderFolder folder) => folder.EndingWith(".safetensors")
        .Where(file => folder.Shapes(file) is { } shapes && GemmaScope2Format.IsOne(shapes, decoderAxes: 3)).OrderBy(file => Number(file) ?? int.MaxValue);

    private static int? Number(string file) =>
        LastNumber().Match(Path.GetFileNameWithoutExtension(file)) is { Success: true } match ? int.Parse(match.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture) : null;

    [GeneratedRegex(@"(?<=layer_)\d{1,4}|\d{1,4}$", RegexOptions.RightToLeft)]
    private static partial Regex LastNumber();
}
