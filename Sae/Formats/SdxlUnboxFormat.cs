using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// Autoencoders of sdxl-unbox on the updates of a U-net's blocks: <c>config.json</c> beside <c>state_dict.pth</c>. <c>mean.pt</c> and
/// <c>std.pt</c> tell how strongly each feature fires: units for interventions, no part of the arithmetic.
/// </summary>
public sealed class SdxlUnboxFormat : StateDictFormat
{
    private const string WeightsFile = "state_dict.pth";
    private const string ConfigName = "config.json";

    /// <inheritdoc/>
    public override string Name => "sdxl-unbox";

    /// <inheritdoc/>
    private protected override IReadOnlyList<string> Wrappers => ["state_dict."];

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!folder.Has(WeightsFile) || folder.TensorNames(WeightsFile) is { } names && !names.Contains("state_dict.latent_bias")) yield break;
        var hasConfig = folder.IsDamaged(ConfigName) || folder.Json(ConfigName) is { } config && config.TryGetProperty("n_dirs_local", out _);
        // A damaged file beside a configuration is claimed, so that reading it says what is wrong.
        if (hasConfig || folder.TensorNames(WeightsFile) is not null) yield return new CoderCandidate(this, folder[WeightsFile], hasConfig ? folder[ConfigName] : null);
    }

    /// <inheritdoc/>
    private protected override Func<ICoder> Build(CoderReading reading)
    {
        var tensors = reading.Tensors;
        var (features, inputs) = tensors.Sizes("encoder.weight");
        reading.CheckSize("n_dirs_local", features);
        reading.CheckSize("d_model", inputs);
        tensors.Ignore("stats_last_nonzero");
        var bias = tensors.Take("pre_bias", inputs);
        var weights = new CoderWeights
        {
            Encoder = tensors.Take("encoder.weight", features, inputs),
            EncoderBias = tensors.Take("latent_bias", features),
            Decoder = tensors.TakeTransposed("decoder.weight", inputs, features),
            OutputBias = bias,
            InputBias = bias.clone(),
        };
        var k = reading.K("k");
        var folder = Path.GetDirectoryName(reading.Candidate.Weights)!;
        var card = CoderReading.Card("topk", weights, reading.Origin("sdxl-unbox", "", Place(folder))) with { Statistics = Statistics(folder, features) };
        return () => new TopKCoder(card, weights, k);
    }

    // unet.down_blocks.2.attentions.1_k10_hidden5120_…/final: what the block adds to its input.
    private static string Place(string folder)
    {
        var run = folder.Split(Path.DirectorySeparatorChar).LastOrDefault(part => part.StartsWith("unet.", StringComparison.Ordinal));
        return run is null ? "" : run.Split("_k")[0] + ".hook_update";
    }

    private static FeatureStatistics? Statistics(string folder, int features)
    {
        var (mean, deviation) = (Path.Combine(folder, "mean.pt"), Path.Combine(folder, "std.pt"));
        return File.Exists(mean) && File.Exists(deviation) ? new FeatureStatistics(Values(mean, features), Values(deviation, features)) : null;
    }

    /// <summary>One of the files with a value for each feature.</summary>
    /// <exception cref="CheckpointException">It has another number of values.</exception>
    internal static IReadOnlyList<float> Values(string file, int features)
    {
        using var source = TensorSource.Open(file);
        var stored = source.Single();
        return stored.Count == features
            ? [.. stored.ToDoubles().Select(value => (float)value)]
            : throw new CheckpointException($"'{file}' has {stored.Count} values; the coder has {features} features.");
    }
}
