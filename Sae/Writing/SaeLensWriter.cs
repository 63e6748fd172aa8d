using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>SAELens, version 6: <c>cfg.json</c> and <c>sae_weights.safetensors</c>. BatchTopK coders become JumpReLU, as in the library's own releases.</summary>
public sealed class SaeLensWriter : CoderWriter
{
    // The version whose keys are written.
    private const string Version = "6.18.0";

    /// <inheritdoc/>
    public override string Name => "saelens";

    /// <inheritdoc/>
    public override string? Refuses(ICoder coder)
    {
        if (CoderForm.NotPlain(coder) is { } reason) return reason;
        var one = (Coder)coder;
        if (one.Weights.Skip is not null && one.Weights.Norm != InputNorm.None) return "its skip connection and its normalisation cannot be combined";
        return one switch
        {
            StandardCoder { Activation: StandardActivation.Relu } => null,
            StandardCoder standard => $"version 6 has no {standard.Activation} activation",
            GatedCoder { K: not null } => "version 6 has no gated coders with top-k magnitudes",
            JumpReluCoder jump when jump.Signed && CoderForm.MayBeNegative(jump) => "it keeps values below zero",
            BatchTopKCoder { Selection: Selection.Batch } => "it selects over the batch; the library's released coders select row by row (say --select threshold where one is stored)",
            GatedCoder or TopKCoder when CoderForm.Transcodes(one) => $"the library has no transcoders of architecture {one.Card.Architecture}",
            JumpReluCoder or BatchTopKCoder when one.Weights.Skip is not null => "the library has no JumpReLU transcoders with a skip connection",
            GatedCoder or TopKCoder or JumpReluCoder or BatchTopKCoder => null,
            SignedTopKCoder or AbsTopKCoder or MatchingPursuitCoder => "it keeps values below zero",
            _ => $"the library has no architecture for {one.Card.Architecture}",
        };
    }

    /// <inheritdoc/>
    private protected override IEnumerable<string> Files(ICoder coder) => ["sae_weights.safetensors", "cfg.json"];

    /// <inheritdoc/>
    private protected override void WriteInto(string folder, ICoder coder, ExistingFile existing)
    {
        var one = (Coder)coder;
        var (card, weights) = (one.Card, one.Weights);
        var subtracts = weights.InputBias is not null && weights.InputBias.Equals(weights.OutputBias);
        var inputBias = subtracts ? weights.OutputBias : null;
        var tensors = new List<(string, Tensor)>
        {
            ("W_enc", weights.EncoderTransposed.contiguous()), ("W_dec", weights.Decoder), ("b_dec", weights.OutputBias),
        };
        if (weights.Skip is { } skip) tensors.Add(("W_skip", skip));
        if (one is GatedCoder gated)
            tensors.AddRange([("b_gate", CoderForm.Shifted(gated, gated.GateBias, inputBias)), ("r_mag", gated.MagnitudeScale), ("b_mag", CoderForm.MagnitudeBias(gated, inputBias))]);
        else tensors.Add(("b_enc", CoderForm.EncoderBias(one, inputBias)));
        if (one is JumpReluCoder jump) tensors.Add(("threshold", jump.Thresholds));
        if (one is BatchTopKCoder batch) tensors.Add(("threshold", CoderForm.Thresholds(batch)));
        Safetensors.Write(Path.Combine(folder, "sae_weights.safetensors"), tensors, existing: existing);
        JsonFile.Write(folder, "cfg.json", Config(one, subtracts), existing);
    }

    private static JsonObject Config(Coder coder, bool subtracts)
    {
        var card = coder.Card;
        var transcodes = CoderForm.Transcodes(coder);
        var architecture = coder switch
        {
            StandardCoder when coder.Weights.Skip is not null => "skip_transcoder",
            StandardCoder => transcodes ? "transcoder" : "standard",
            GatedCoder => "gated",
            TopKCoder => "topk",
            _ => transcodes ? "jumprelu_transcoder" : "jumprelu",
        };
        var metadata = new JsonObject
        {
            ["sae_lens_version"] = Version,
            ["model_name"] = card.Origin.ModelName,
            ["hook_name"] = CoderForm.Place(card.Reads, card.Origin.HookName),
            ["hook_head_index"] = card.Origin.Head,
        };
        var config = new JsonObject
        {
            ["architecture"] = architecture,
            ["d_in"] = card.Inputs,
            ["d_sae"] = card.Features,
            ["dtype"] = "float32",
            ["device"] = "cpu",
            ["apply_b_dec_to_input"] = subtracts,
            ["normalize_activations"] = coder.Weights.Norm switch
            {
                InputNorm.LayerNorm => "layer_norm",
                InputNorm.ConstantNorm => "constant_norm_rescale",
                _ => "none",
            },
            ["reshape_activations"] = card.FlattensHeads ? "hook_z" : "none",
            ["metadata"] = metadata,
        };
        if (transcodes)
        {
            config["d_out"] = card.Outputs;
            metadata["hook_name_out"] = CoderForm.Place(card.Writes, "");
        }
        if (coder is TopKCoder topk)
        {
            config["k"] = topk.K;
            config["rescale_acts_by_decoder_norm"] = false;
        }
        return config;
    }
}
