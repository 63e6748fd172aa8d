using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>EleutherAI's sparsify: <c>cfg.json</c> and <c>sae.safetensors</c>. The library takes the place from the folder's name, such as <c>layers.10</c>.</summary>
public sealed class SparsifyWriter : CoderWriter
{
    /// <inheritdoc/>
    public override string Name => "sparsify";

    /// <inheritdoc/>
    public override string? Refuses(ICoder coder)
    {
        if (CoderForm.NotPlain(coder) is { } reason) return reason;
        var one = (Coder)coder;
        if (one is not (TopKCoder or GroupMaxCoder))
            return one is SignedTopKCoder or AbsTopKCoder or MatchingPursuitCoder ? "it keeps values below zero" : "the library has top-k and groupmax coders only";
        return one.Card.Inputs != one.Card.Outputs ? "the library needs inputs and predictions of the same width" : CoderForm.Normed(one);
    }

    /// <inheritdoc/>
    private protected override IEnumerable<string> Files(ICoder coder) => ["sae.safetensors", "cfg.json"];

    /// <inheritdoc/>
    private protected override void WriteInto(string folder, ICoder coder, ExistingFile existing)
    {
        var one = (Coder)coder;
        var (card, weights) = (one.Card, one.Weights);
        var transcodes = CoderForm.Transcodes(one);
        var inputBias = transcodes ? null : weights.OutputBias;
        var config = new JsonObject
        {
            ["activation"] = one is TopKCoder ? "topk" : "groupmax",
            ["expansion_factor"] = Math.Max(1, card.Features / card.Inputs),
            ["normalize_decoder"] = false,
            ["num_latents"] = card.Features,
            ["k"] = one is TopKCoder topk ? topk.K : ((GroupMaxCoder)one).K,
            ["multi_topk"] = false,
            ["skip_connection"] = weights.Skip is not null,
            ["transcode"] = transcodes,
            ["d_in"] = card.Inputs,
        };
        var tensors = new List<(string, Tensor)>
        {
            ("encoder.weight", weights.Encoder), ("encoder.bias", CoderForm.EncoderBias(one, inputBias)), ("W_dec", weights.Decoder), ("b_dec", weights.OutputBias),
        };
        if (weights.Skip is { } skip) tensors.Add(("W_skip", skip));
        Safetensors.Write(Path.Combine(folder, "sae.safetensors"), tensors, existing: existing);
        JsonFile.Write(folder, "cfg.json", config, existing);
    }
}
