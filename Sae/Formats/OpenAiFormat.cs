using System.Text.Json;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// Autoencoders of OpenAI's sparse_autoencoder: one pickled state dict in which <c>activation</c> and <c>activation_state_dict</c> stand beside
/// the tensors. Top-k coders normalise their input; without an <c>activation</c> it is ReLU.
/// </summary>
public sealed class OpenAiFormat : StateDictFormat
{
    /// <inheritdoc/>
    public override string Name => "OpenAI sparse_autoencoder";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.EndingWith(".pt", ".pth")
            .Where(file => folder.TensorNames(file) is { } names && names.IsSupersetOf(["pre_bias", "latent_bias", "encoder.weight", "decoder.weight"]))
            .Select(file => new CoderCandidate(this, folder[file]));
    }

    private protected override JsonElement Configuration(CoderCandidate candidate, TensorSource source)
    {
        if (source is not TorchPickle pickle) return ConfigFile.Empty;
        var keys = pickle.Root.Keys.Where(key => key is "activation" or "activation_state_dict");
        return JsonSerializer.SerializeToElement(keys.ToDictionary(key => key, key => pickle.Root[key].ToJson()));
    }

    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var (features, inputs) = tensors.Sizes("encoder.weight");
        tensors.Ignore("stats_last_nonzero", "latents_activation_frequency", "latents_mean_square");
        var activation = config.Text("activation") ?? config.ByFormat("activation", "ReLU", "the only one when the file was written");
        var bias = tensors.Take("pre_bias", inputs);
        var weights = new CoderWeights
        {
            Encoder = tensors.Take("encoder.weight", features, inputs),
            EncoderBias = tensors.Take("latent_bias", features),
            Decoder = tensors.TakeTransposed("decoder.weight", inputs, features),
            OutputBias = bias,
            InputBias = bias.clone(),
            Norm = activation == "TopK" ? config.ByFormat("input_norm", InputNorm.LayerNorm, "always with TopK") : InputNorm.None,
        };
        var place = Place(reading.Candidate.Weights);
        // The published coders, which lie in folders of this form, are all of one model.
        var origin = reading.Origin("OpenAI sparse_autoencoder", place.Length > 0 ? "gpt2" : "", place);
        CoderCard Card(string architecture) => CoderReading.Card(architecture, weights, origin);
        switch (activation)
        {
            case "ReLU": return () => new StandardCoder(Card("standard"), weights);
            case "Identity": return () => new StandardCoder(Card("standard"), weights, StandardActivation.Identity);
            case "TopK":
                var k = reading.K("activation_state_dict.k", "k");
                var after = config.Text("activation_state_dict.postact_fn") ?? config.ByFormat("postact_fn", "ReLU", "the library's default");
                return after switch
                {
                    "ReLU" => () => new TopKCoder(Card("topk"), weights, k),
                    "Identity" => () => new SignedTopKCoder(Card("signed_topk"), weights, k),
                    _ => throw config.Unknown("activation_state_dict.postact_fn", after, "ReLU", "Identity"),
                };
            default: throw config.Unknown("activation", activation, "ReLU", "Identity", "TopK");
        }
    }

    // {location}_v5_32k/autoencoders/{layer}.pt
    private static string Place(string path)
    {
        var folders = path.Split(Path.DirectorySeparatorChar);
        var location = folders.Length >= 3 && folders[^2] == "autoencoders" ? folders[^3] : "";
        var site = new[] { ("resid_delta_mlp", Site.MlpOut), ("resid_delta_attn", Site.AttnOut), ("resid_post_mlp", Site.ResidPost), ("resid_post_attn", Site.ResidMid), ("mlp_post_act", Site.MlpPost) }
            .Where(known => location.StartsWith(known.Item1, StringComparison.Ordinal)).Select(known => known.Item2).FirstOrDefault();
        return site is not null && int.TryParse(Path.GetFileNameWithoutExtension(path), out var layer) ? $"blocks.{layer}.{site.Name}" : "";
    }
}
