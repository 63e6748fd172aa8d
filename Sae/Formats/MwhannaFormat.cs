using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// A single one of Hanna's transcoders: one <c>layer_N.safetensors</c> beside <c>wandb-config.yaml</c> (also spelled wanb-config.yaml). With
/// several layers the folder is a set of circuit-tracer. ReLU; b_dec is not subtracted.
/// </summary>
public sealed class MwhannaFormat : CoderFormat
{
    private static readonly JsonElement s_places = JsonSerializer.SerializeToElement(
        new Dictionary<string, string> { ["feature_input_hook"] = Site.MlpModuleIn.Name, ["feature_output_hook"] = Site.MlpOut.Name });

    private static readonly string[] s_marks = ["wandb-config.yaml", "wanb-config.yaml"];

    /// <inheritdoc/>
    public override string Name => "mwhanna";

    /// <inheritdoc/>
    public override IEnumerable<CoderCandidate> Claims(CoderFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (Single(folder) is { } file) yield return new CoderCandidate(this, folder[file], folder[s_marks.First(folder.Has)]);
    }

    /// <summary>The only layer's file of a folder with the mark; null for other folders.</summary>
    internal static string? Single(CoderFolder folder) =>
        s_marks.Any(folder.Has) && CircuitTracerFormat.LayerFiles(folder).Take(2).ToList() is [var only] ? only : null;

    /// <inheritdoc/>
    public override ICoder Read(CoderCandidate candidate, CoderOptions options)
    {
        ArgumentNullException.ThrowIfNull(candidate);
        ArgumentNullException.ThrowIfNull(options);
        using var scope = NewDisposeScope();
        OneConvention.Check(candidate.Weights, options, []);
        var folder = new CoderFolder(Path.GetDirectoryName(candidate.Weights)!);
        // The places stand in circuit-tracer's configuration, if it is there.
        var beside = folder.EndingWith(".yaml").FirstOrDefault(file => CircuitTracerFormat.IsConfig(folder.Yaml(file)));
        var config = beside is null
            ? new CoderConfig(s_places, candidate.Weights, options)
            : new CoderConfig(ConfigFile.Read(folder[beside]), folder[beside], options);
        if (beside is null) config.ByFormat("feature_input_hook", "mlp.hook_in", "the only place; it writes hook_mlp_out");
        var make = TranscoderFile.Read(candidate.Weights, config, CircuitTracerFormat.Number(candidate.Weights), firstRelease: false);
        config.Finish();
        var coder = make();
        CheckSize(candidate.Config!, "d_model", coder.Card.Inputs);
        CheckSize(candidate.Config!, "d_feature", coder.Card.Features);
        return OneConvention.Check(coder, options);
    }

    private static void CheckSize(string file, string key, int size)
    {
        var config = new CoderConfig(ConfigFile.Read(file), file, CoderOptions.None);
        if (config.Int($"{key}.value") is { } stated && stated != size)
            throw new CheckpointException($"'{file}' says {key} = {stated}; the tensors have {size}.");
    }
}
