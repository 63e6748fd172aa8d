using System.Text.RegularExpressions;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Gemma Scope's coders and transcoders: <c>params.npz</c> without a configuration; layer, place and kind stand in the path
/// (<c>gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71</c>). JumpReLU; b_dec is not subtracted; the training norm is absorbed.
/// </summary>
public sealed partial class GemmaScopeFormat : StateDictFormat
{
    private static readonly string[] s_names = ["W_enc", "W_dec", "b_enc", "b_dec", "threshold"];

    /// <inheritdoc/>
    public override string Name => "Gemma Scope";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        // A damaged file of this name is claimed, so that reading it says what is wrong.
        return folder.EndingWith(".npz")
            .Where(file => folder.TensorNames(file) is { } names ? s_names.All(name => names.Contains(Spelling(names, name))) : file == "params.npz")
            .Select(file => new CoderCandidate(this, folder[file]));
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (weights, thresholds) = Weights(reading.Tensors);
        var path = reading.Candidate.Weights;
        var embedding = reading.Config.Flag("embedding")
            ?? reading.Config.ByFormat("embedding", EmbeddingFolder().IsMatch(path), "by the path; coders of embeddings expect inputs scaled by √d");
        if (embedding)
        {
            var root = Math.Sqrt(weights.Inputs);
            weights = weights.ScaleEncoder(1 / root).ScaleDecoder(full(weights.Features, (float)root));
        }
        reading.Config.ByFormat("apply_b_dec_to_input", false, "the only way");
        var (model, reads, writes) = Place(path, embedding);
        var card = CoderReading.Card("jumprelu", weights, reading.Origin("Gemma Scope", model, reads), writes);
        return () => new JumpReluCoder(card, weights, thresholds);
    }

    /// <summary>The weights and thresholds of a file of this format.</summary>
    internal static (CoderWeights Weights, Tensor Thresholds) Weights(CoderTensors tensors)
    {
        var names = tensors.Names.ToHashSet(StringComparer.Ordinal);
        string Name(string name) => Spelling(names, name);
        var (inputs, features) = tensors.Sizes(Name("W_enc"));
        var outputs = tensors.Sizes(Name("W_dec")).Columns;
        var weights = new CoderWeights
        {
            Encoder = tensors.TakeTransposed(Name("W_enc"), inputs, features),
            EncoderBias = tensors.Take("b_enc", features),
            Decoder = tensors.Take(Name("W_dec"), features, outputs),
            OutputBias = tensors.Take("b_dec", outputs),
        };
        return (weights, tensors.Take("threshold", features));
    }

    private static string Spelling(IReadOnlySet<string> names, string name) => names.Contains(name) ? name : name.Replace('W', 'w');

    private static (string Model, string Reads, string? Writes) Place(string path, bool embedding)
    {
        var repository = Repository().Match(path);
        var model = repository.Success ? $"gemma-2-{repository.Groups["size"].Value}{(repository.Groups["tuning"].Value == "it" ? "-it" : "")}" : "";
        if (embedding) return (model, Site.Embed.Name, null);
        if (!repository.Success || HookNames.LayerIn(path) is not { } layer) return (model, "", null);
        string At(SiteKind kind) => $"blocks.{layer}.{kind.Name}";
        return repository.Groups["site"].Value switch
        {
            "res" => (model, At(Site.ResidPost), null),
            "mlp" => (model, At(Site.MlpOut), null),
            "att" => (model, At(Site.Z), null),
            _ => (model, At(Site.Ln2Normalized), At(Site.MlpOut)),
        };
    }

    [GeneratedRegex(@"gemma-scope-(?<size>\d+b)-(?<tuning>pt|it)-(?<site>res|mlp|att|transcoders)\b")]
    private static partial Regex Repository();

    // Not just any folder of that name above.
    [GeneratedRegex(@"[/\\]embedding[/\\](?:[^/\\]+[/\\]){0,2}[^/\\]+$")]
    private static partial Regex EmbeddingFolder();
}
