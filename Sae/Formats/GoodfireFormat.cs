using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// Goodfire's autoencoders: one state dict of two linear layers, <c>encoder_linear</c> and <c>decoder_linear</c> (also <c>encoder</c> and
/// <c>decoder</c>, as in the DeepSeek R1 release). ReLU; nothing is subtracted from the input.
/// </summary>
public sealed class GoodfireFormat : StateDictFormat
{
    private static readonly string[][] s_names = [["encoder_linear", "decoder_linear"], ["encoder", "decoder"]];

    /// <inheritdoc/>
    public override string Name => "Goodfire";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.Json("config.json") is { } config && config.TryGetProperty("trainer", out _)) return [];
        return folder.EndingWith(".pt", ".pth")
            .Where(file => folder.TensorNames(file) is { } names && s_names.Any(pair => names.SetEquals(pair.SelectMany(part => new[] { $"{part}.weight", $"{part}.bias" })))
                && folder.Shapes(file)!.Values.Max(shape => shape.Count) == 2)
            .Select(file => new CoderCandidate(this, folder[file]));
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var tensors = reading.Tensors;
        var (encoder, decoder) = tensors.Has("encoder_linear.weight") ? ("encoder_linear", "decoder_linear") : ("encoder", "decoder");
        var (features, inputs) = tensors.Sizes(encoder + ".weight");
        reading.Config.ByFormat("activation", "relu", "the only one");
        reading.Config.ByFormat("apply_b_dec_to_input", false, "the only way");
        var weights = new CoderWeights
        {
            Encoder = tensors.Take(encoder + ".weight", features, inputs),
            EncoderBias = tensors.Take(encoder + ".bias", features),
            Decoder = tensors.TakeTransposed(decoder + ".weight", inputs, features),
            OutputBias = tensors.Take(decoder + ".bias", inputs),
        };
        // The layer stands at the end of the name: …-SAE-l19.pt
        var name = Path.GetFileNameWithoutExtension(reading.Candidate.Weights);
        var at = name.LastIndexOf("-l", StringComparison.Ordinal);
        var hook = at > 0 && int.TryParse(name[(at + 2)..], out var layer) ? $"blocks.{layer}.{Site.ResidPost.Name}" : "";
        var model = name.IndexOf("-SAE", StringComparison.Ordinal) is var end and > 0 ? name[..end] : "";
        return () => new StandardCoder(CoderReading.Card("standard", weights, reading.Origin("Goodfire", model, hook)), weights);
    }
}
