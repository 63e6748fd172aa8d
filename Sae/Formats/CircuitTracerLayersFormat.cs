using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// circuit-tracer's cross-layer transcoders: <c>W_enc_N.safetensors</c> and <c>W_dec_N.safetensors</c> for each layer, with slot j of W_dec_N
/// writing to layer N + j. <c>threshold_N</c> makes them JumpReLU.
/// </summary>
public sealed class CircuitTracerLayersFormat : CoderFormat
{
    private const string First = "W_enc_0.safetensors";

    /// <inheritdoc/>
    public override string Name => "circuit-tracer (cross-layer)";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!folder.Has(First)) yield break;
        var config = folder.EndingWith(".yaml", ".yml").FirstOrDefault(file => CircuitTracerFormat.IsConfig(folder.Yaml(file)));
        yield return new CoderCandidate(this, folder[First], config is null ? null : folder[config]) { Extent = CoderExtent.Folder };
    }

    /// <inheritdoc/>
    public override ICoder Read(CoderCandidate candidate, CoderOptions options)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        ArgumentNullException.ThrowIfNull(options);
        using var scope = NewDisposeScope();
        OneConvention.Check(candidate.Weights, options, []);
        var config = new CoderConfig(candidate.Config is { } file ? ConfigFile.Read(file) : ConfigFile.Empty, candidate.Config ?? candidate.Weights, options);
        var folder = new CoderFolder(Path.GetDirectoryName(candidate.Weights)!);
        var count = folder.EndingWith(".safetensors").Count(name => name.StartsWith("W_enc_", StringComparison.Ordinal));
        var layers = Enumerable.Range(0, count).Select(layer => Layer(folder, layer, count)).ToList();
        config.ByFormat("activation", layers[0].Thresholds is null ? "relu" : "jump_relu", layers[0].Thresholds is null ? "no thresholds are stored" : "thresholds are stored");
        config.Text("model_kind", "scan");
        config.Finish();
        return OneConvention.Check(CrossLayerFile.Assemble(folder.Path, config, layers), options);
    }

    private static CrossLayerFile Layer(CoderFolder folder, int layer, int count)
    {
        string Named(string name) => $"{name}_{layer}";
        using var encoderSource = TensorSource.Open(folder[Named("W_enc") + ".safetensors"]);
        using var decoderSource = TensorSource.Open(folder[Named("W_dec") + ".safetensors"]);
        var (encoder, decoder) = (new CoderTensors(encoderSource.Tensors, encoderSource.Path), new CoderTensors(decoderSource.Tensors, decoderSource.Path));
        var (features, inputs) = encoder.Sizes(Named("W_enc"));
        var outputs = decoder.Shape(Named("W_dec"), 3)[2];
        var slots = decoder.Take(Named("W_dec"), features, count - layer, outputs);
        // Unlike those of single transcoders, skip connections here are x·W_skip.
        var skip = encoder.TakeIfThere(Named("W_skip"), inputs, outputs);
        var weights = new CoderWeights
        {
            Encoder = encoder.Take(Named("W_enc"), features, inputs),
            EncoderBias = encoder.Take(Named("b_enc"), features),
            Decoder = slots.select(1, 0).contiguous(),
            OutputBias = encoder.Take(Named("b_dec"), outputs),
            Skip = skip?.t().contiguous(),
        };
        var thresholds = encoder.TakeIfThere(Named("threshold"), features);
        encoder.Finish();
        decoder.Finish();
        return new CrossLayerFile(weights, [.. Enumerable.Range(1, count - layer - 1).Select(slot => slots.select(1, slot).contiguous())], thresholds);
    }
}
