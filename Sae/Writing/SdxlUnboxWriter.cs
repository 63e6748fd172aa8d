using System.Text.Json.Nodes;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>sdxl-unbox: <c>config.json</c>, <c>state_dict.pth</c> and, where they are known, <c>mean.pt</c> and <c>std.pt</c>.</summary>
public sealed class SdxlUnboxWriter : CoderWriter
{
    // The library's own setting.
    private const int DeadSteps = 2441;

    /// <inheritdoc/>
    public override string Name => "sdxl-unbox";

    /// <inheritdoc/>
    public override string? Refuses(ICoder coder)
    {
        if (CoderForm.NotPlain(coder) is { } reason) return reason;
        var one = (Coder)coder;
        if (one is not TopKCoder) return $"the library has top-k coders only; this is {one.Card.Architecture}";
        return CoderForm.Transcodes(one) ? "the library's coders predict what they read" : CoderForm.Normed(one);
    }

    /// <inheritdoc/>
    private protected override IEnumerable<string> Files(ICoder coder) => ["state_dict.pth", "config.json", "mean.pt", "std.pt"];

    /// <inheritdoc/>
    private protected override void WriteInto(string folder, ICoder coder, ExistingFile existing)
    {
        var one = (TopKCoder)coder;
        var (card, weights) = (one.Card, one.Weights);
        var config = new JsonObject
        {
            ["n_dirs_local"] = card.Features,
            ["d_model"] = card.Inputs,
            ["k"] = one.K,
            ["auxk"] = null,
            ["dead_steps_threshold"] = DeadSteps,
        };
        TorchArchive.Write(
            Path.Combine(folder, "state_dict.pth"),
            [
                ("pre_bias", weights.OutputBias), ("latent_bias", CoderForm.EncoderBias(one, weights.OutputBias)),
                ("stats_last_nonzero", zeros(card.Features, ScalarType.Int64)),
                ("encoder.weight", weights.Encoder), ("decoder.weight", weights.Decoder.t().contiguous()),
            ],
            new JsonObject(), "state_dict", existing);
        if (card.Statistics is { } statistics)
        {
            TorchArchive.WriteLone(Path.Combine(folder, "mean.pt"), tensor(statistics.Mean.ToArray()), existing);
            TorchArchive.WriteLone(Path.Combine(folder, "std.pt"), tensor(statistics.Deviation.ToArray()), existing);
        }
        JsonFile.Write(folder, "config.json", config, existing);
    }
}
