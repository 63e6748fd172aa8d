using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Autoencoders and transcoders of OpenMOSS' current library (llamascopium): <c>config.json</c> beside <c>sae_weights.safetensors</c> with
/// W_E, b_E, W_D, b_D. Also Llama-Scope-R1-Distill, which spells them encoder.* and decoder.*. Dataset norms stored with the tensors are folded;
/// with sparsity_include_decoder_norm features are selected by the length that they write.
/// </summary>
public sealed class LlamascopiumFormat : StateDictFormat
{
    /// <inheritdoc/>
    public override string Name => "llamascopium";

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Wrappers => ["sae."];

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder) => LlamascopiumFolder.Claims(this, folder, axes: 2);

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        reading.NeedConfig("config.json");
        var (config, tensors) = (reading.Config, reading.Tensors);
        if (config.Flag("use_glu_encoder") is true) throw config.Unknown("use_glu_encoder", "true", "false");
        var weights = Weights(config, tensors);
        reading.CheckSize("d_model", weights.Inputs);
        if (config.Number("expansion_factor") is { } factor && (int)Math.Round(factor * weights.Inputs) != weights.Features)
            throw new CheckpointException($"'{config.File}' says expansion_factor = {factor:g} of d_model = {weights.Inputs}, but there are {weights.Features} features.");
        var (reads, writes) = (config.Text("hook_point_in") ?? "", config.Text("hook_point_out") ?? "");
        if (LlamascopiumFolder.Scale(config, tensors, reads, weights.Inputs) is { } scaleIn && LlamascopiumFolder.Scale(config, tensors, writes, weights.Outputs) is { } scaleOut)
            weights = LlamaScopeFormat.Standardised(weights, scaleIn, scaleOut);
        LlamascopiumFolder.IgnoreScales(tensors);
        var norms = config.Flag("sparsity_include_decoder_norm") ?? config.ByFormat("sparsity_include_decoder_norm", true, "the library's default") ? weights.Decoder.norm(1) : null;
        var origin = reading.Origin("llamascopium", config.Text("model_name", "lm_name") ?? "", reads);
        return LlamascopiumFolder.Layer(reading, weights, norms, null, architecture => CoderReading.Card(architecture, weights, origin, writes.Length > 0 ? writes : null));
    }

    private static CoderWeights Weights(CoderConfig config, CoderTensors tensors)
    {
        var hasBias = config.Flag("use_decoder_bias") is not false;
        if (tensors.Has("encoder.weight"))
        {
            var (rows, width) = tensors.Sizes("encoder.weight");
            var target = tensors.Sizes("decoder.weight").Rows;
            return new CoderWeights
            {
                Encoder = tensors.Take("encoder.weight", rows, width),
                EncoderBias = tensors.Take("encoder.bias", rows),
                Decoder = tensors.TakeTransposed("decoder.weight", target, rows),
                OutputBias = hasBias ? tensors.Take("decoder.bias", target) : zeros(target),
            };
        }
        var (inputs, features) = tensors.Sizes("W_E");
        var outputs = tensors.Sizes("W_D").Columns;
        return new CoderWeights
        {
            Encoder = tensors.TakeTransposed("W_E", inputs, features),
            EncoderBias = tensors.Take("b_E", features),
            Decoder = tensors.Take("W_D", features, outputs),
            OutputBias = hasBias ? tensors.Take("b_D", outputs) : zeros(outputs),
        };
    }
}
