using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>ITDA dictionaries: <c>atoms.pt</c> with unit rows and <c>metadata.yaml</c>; codes come from matching pursuit.</summary>
public sealed class ItdaFormat : StateDictFormat
{
    private const string WeightsFile = "atoms.pt";
    private const string ConfigName = "metadata.yaml";

    /// <inheritdoc/>
    public override string Name => "ITDA";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.Has(WeightsFile)) yield return new CoderCandidate(this, folder[WeightsFile], folder.Yaml(ConfigName) is null ? null : folder[ConfigName]);
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var (config, tensors) = (reading.Config, reading.Tensors);
        var name = tensors.Has("atoms") ? "atoms" : TensorSource.LoneName;
        var (features, inputs) = tensors.Sizes(name);
        var atoms = tensors.Take(name, features, inputs);
        var weights = new CoderWeights { Encoder = atoms, EncoderBias = zeros(features), Decoder = atoms.clone(), OutputBias = zeros(inputs) };
        var k = reading.K("k");
        var hook = config.Int("layer") is { } layer ? $"blocks.{layer}.{Site.ResidPost.Name}" : "";
        var card = CoderReading.Card("matching_pursuit", weights, reading.Origin("ITDA", config.Text("lm_name", "model_name") ?? "", hook));
        return () => new MatchingPursuitCoder(card, weights, k);
    }
}
