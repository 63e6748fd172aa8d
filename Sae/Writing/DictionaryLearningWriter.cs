using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// dictionary_learning: <c>ae.pt</c> and <c>config.json</c>. ReLU coders become AutoEncoderNew, whose loader leaves the decoder as it is; JumpReLU
/// coders lose the bias that is subtracted from the input to their encoder bias.
/// </summary>
public sealed class DictionaryLearningWriter : CoderWriter
{
    /// <inheritdoc/>
    public override string Name => "dictionary_learning";

    /// <inheritdoc/>
    public override string? Refuses(ICoder coder)
    {
        if (CoderForm.NotPlain(coder) is { } reason) return reason;
        var one = (Coder)coder;
        if (CoderForm.Transcodes(one)) return "the library's coders predict what they read";
        return CoderForm.Normed(one) ?? one switch
        {
            StandardCoder { Activation: StandardActivation.Relu } => null,
            StandardCoder standard => $"the library has no {standard.Activation} activation",
            GatedCoder { K: not null } => "the library has no gated coders with top-k magnitudes",
            JumpReluCoder jump when jump.Signed && CoderForm.MayBeNegative(jump) => "it keeps values below zero",
            BatchTopKCoder { Threshold: null } => "it has no threshold, which the library's loader would take for an untrained one",
            BatchTopKCoder batch when batch.K != Math.Floor(batch.K) => $"k = {batch.K} is not whole",
            GatedCoder or JumpReluCoder or TopKCoder or BatchTopKCoder => null,
            SignedTopKCoder or AbsTopKCoder or MatchingPursuitCoder => "it keeps values below zero",
            _ => $"the library has no class for {one.Card.Architecture}",
        };
    }

    /// <inheritdoc/>
    private protected override IEnumerable<string> Files(ICoder coder) => ["ae.pt", "config.json"];

    /// <inheritdoc/>
    private protected override void WriteInto(string folder, ICoder coder, ExistingFile existing)
    {
        var one = (Coder)coder;
        var (kind, tensors) = Tensors(one);
        var card = one.Card;
        var trainer = new JsonObject
        {
            ["dict_class"] = kind,
            ["activation_dim"] = card.Inputs,
            ["dict_size"] = card.Features,
            ["lm_name"] = card.Origin.ModelName,
            ["submodule_name"] = Submodule(card),
        };
        if (card.Reads is [{ Path.Layer: >= 0 } site]) trainer["layer"] = site.Path.Layer;
        if (one is TopKCoder topk) trainer["k"] = topk.K;
        if (one is BatchTopKCoder batch) trainer["k"] = (int)batch.K;
        TorchArchive.Write(Path.Combine(folder, "ae.pt"), tensors, existing);
        JsonFile.Write(folder, "config.json", new JsonObject { ["trainer"] = trainer, ["buffer"] = new JsonObject { ["d_submodule"] = card.Inputs, ["io"] = "out" } }, existing);
    }

    private static (string Kind, IReadOnlyList<(string, Tensor)> Tensors) Tensors(Coder coder)
    {
        var weights = coder.Weights;
        var encoder = ("encoder.weight", weights.Encoder);
        var decoder = ("decoder.weight", weights.Decoder.t().contiguous());
        var bias = weights.OutputBias;
        switch (coder)
        {
            case GatedCoder gated:
                return ("GatedAutoEncoder", [("decoder_bias", bias), ("r_mag", gated.MagnitudeScale), ("gate_bias", CoderForm.Shifted(gated, gated.GateBias, bias)),
                    ("mag_bias", CoderForm.MagnitudeBias(gated, bias)), decoder, encoder]);
            case JumpReluCoder jump:
                return ("JumpReluAutoEncoder", [("W_enc", weights.EncoderTransposed.contiguous()), ("b_enc", CoderForm.EncoderBias(jump, null)), ("W_dec", weights.Decoder),
                    ("b_dec", bias), ("threshold", jump.Thresholds)]);
            case TopKCoder topk:
                return ("AutoEncoderTopK", [("b_dec", bias), ("k", tensor((long)topk.K)), ("threshold", tensor(-1f)), decoder, encoder, ("encoder.bias", CoderForm.EncoderBias(topk, bias))]);
            case BatchTopKCoder batch:
                return ("BatchTopKSAE", [("b_dec", bias), ("k", tensor((long)batch.K)), ("threshold", tensor((float)batch.Threshold!.Value)), decoder, encoder,
                    ("encoder.bias", CoderForm.EncoderBias(batch, bias))]);
            default:
                return ("AutoEncoderNew", [encoder, ("encoder.bias", CoderForm.EncoderBias(coder, null)), decoder, ("decoder.bias", bias)]);
        }
    }

    // The library's names of places, such as resid_post_layer_8.
    private static string Submodule(CoderCard card)
    {
        if (card.Reads is not [{ Path.Layer: >= 0 } site]) return card.Origin.HookName;
        return site.Kind == Site.ResidPost || site.Kind == Site.ResidPre || site.Kind == Site.MlpOut || site.Kind == Site.AttnOut
            ? $"{site.Kind.Name["hook_".Length..]}_layer_{site.Path.Layer}" : site.ToString();
    }
}
