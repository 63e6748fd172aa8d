using System.Text.RegularExpressions;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Gemma Scope 2's coders and transcoders: a folder <c>layer_L_width_W_l0_SIZE[_affine]</c> with <c>params.safetensors</c> and, mostly, a
/// <c>config.json</c>. JumpReLU; b_dec is not subtracted; a skip connection is x·affine_skip_connection.
/// </summary>
public sealed partial class GemmaScope2Format : StateDictFormat
{
    /// <inheritdoc/>
    public override string Name => "Gemma Scope 2";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.EndingWith(".safetensors")
            .Where(file => folder.Shapes(file) is { } shapes
                ? IsOne(shapes, decoderAxes: 2)
                : file == "params.safetensors")
            .Select(file => new CoderCandidate(this, folder[file], folder.Json("config.json") is null ? null : folder["config.json"]));
    }

    /// <summary>Whether tensors are those of this family, with a decoder of so many axes.</summary>
    internal static bool IsOne(IReadOnlyDictionary<string, IReadOnlyList<long>> shapes, int decoderAxes) =>
        shapes.ContainsKey("w_enc") && shapes.ContainsKey("threshold") && shapes.TryGetValue("w_dec", out var decoder) && decoder.Count == decoderAxes;

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var config = reading.Config;
        if (config.Text("architecture") is { } architecture and not ("jump_relu" or "jumprelu")) throw config.Unknown("architecture", architecture, "jump_relu");
        var (weights, thresholds) = Weights(reading.Tensors);
        config.ByFormat("apply_b_dec_to_input", false, "the only way");
        var (reads, writes) = Place(reading);
        var card = CoderReading.Card("jumprelu", weights, reading.Origin("Gemma Scope 2", config.Text("model_name", "model") ?? "", reads), writes);
        return () => new JumpReluCoder(card, weights, thresholds);
    }

    /// <summary>The weights and thresholds of a file of this format.</summary>
    internal static (CoderWeights Weights, Tensor Thresholds) Weights(CoderTensors tensors)
    {
        var (inputs, features) = tensors.Sizes("w_enc");
        var outputs = tensors.Sizes("w_dec").Columns;
        var skip = tensors.TakeIfThere("affine_skip_connection", inputs, outputs);
        var weights = new CoderWeights
        {
            Encoder = tensors.TakeTransposed("w_enc", inputs, features),
            EncoderBias = tensors.Take("b_enc", features),
            Decoder = tensors.Take("w_dec", features, outputs),
            OutputBias = tensors.Take("b_dec", outputs),
            Skip = skip?.t().contiguous(),
        };
        return (weights, tensors.Take("threshold", features));
    }

    // A path such as resid_post/layer_5_width_16k_l0_small; names in the configuration come first.
    private static (string Reads, string? Writes) Place(CoderReading reading)
    {
        if (reading.Config.Text("hook_name", "hook_point", "hook_point_in") is { } hook) return (hook, reading.Config.Text("hook_name_out", "hook_point_out"));
        var path = reading.Candidate.Weights;
        if (HookNames.LayerIn(path) is not { } layer) return ("", null);
        return Folder().IsMatch(path) ? ($"blocks.{layer}.{Site.ResidPost.Name}", null) : ("", null);
    }

    [GeneratedRegex(@"[/\\]resid_post(?:_all)?[/\\]")]
    private static partial Regex Folder();
}
