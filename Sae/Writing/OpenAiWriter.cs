using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>OpenAI's sparse_autoencoder: one <c>autoencoder.pt</c>. Its loader normalises the input of top-k coders, and of no others.</summary>
public sealed class OpenAiWriter : CoderWriter
{
    /// <inheritdoc/>
    public override string Name => "openai";

    /// <inheritdoc/>
    public override string? Refuses(ICoder coder)
    {
        if (CoderForm.NotPlain(coder) is { } reason) return reason;
        var one = (Coder)coder;
        if (CoderForm.Transcodes(one)) return "the library's coders predict what they read";
        return one switch
        {
            TopKCoder or SignedTopKCoder => one.Weights.Norm == InputNorm.LayerNorm ? null : "the library always normalises the input of top-k coders, and this one does not",
            StandardCoder { Activation: StandardActivation.Relu or StandardActivation.Identity } => CoderForm.Normed(one),
            _ => $"the library has ReLU and top-k coders; this is {one.Card.Architecture}",
        };
    }

    /// <inheritdoc/>
    private protected override IEnumerable<string> Files(ICoder coder) => ["autoencoder.pt"];

    /// <inheritdoc/>
    private protected override void WriteInto(string folder, ICoder coder, ExistingFile existing)
    {
        var one = (Coder)coder;
        var weights = one.Weights;
        var state = one switch
        {
            TopKCoder topk => new JsonObject { ["k"] = topk.K, ["postact_fn"] = "ReLU" },
            SignedTopKCoder signed => new JsonObject { ["k"] = signed.K, ["postact_fn"] = "Identity" },
            _ => new JsonObject(),
        };
        var others = new JsonObject
        {
            ["activation"] = one is StandardCoder standard ? standard.Activation == StandardActivation.Relu ? "ReLU" : "Identity" : "TopK",
            ["activation_state_dict"] = state,
        };
        Directory.CreateDirectory(folder);
        TorchArchive.Write(
            Path.Combine(folder, "autoencoder.pt"),
            [
                ("pre_bias", weights.OutputBias), ("latent_bias", CoderForm.EncoderBias(one, weights.OutputBias)),
                ("stats_last_nonzero", zeros(one.Card.Features, ScalarType.Int64)),
                ("encoder.weight", weights.Encoder), ("decoder.weight", weights.Decoder.t().contiguous()),
            ],
            others, existing: existing);
    }
}
