using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>One coder's files while they are read: configuration and tensors that are used up key by key, and what formats repeat.</summary>
internal sealed class CoderReading
{
    internal CoderReading(CoderCandidate candidate, CoderOptions options, TensorSource source, JsonElement config, IReadOnlyList<string> wrappers)
    {
        (Candidate, Options, Source) = (candidate, options, source);
        Config = new CoderConfig(config, candidate.Config ?? candidate.Weights, options);
        Tensors = new CoderTensors(source.Tensors, candidate.Weights, wrappers);
    }

    internal CoderCandidate Candidate { get; }

    internal CoderOptions Options { get; }

    internal TensorSource Source { get; }

    internal CoderConfig Config { get; }

    internal CoderTensors Tensors { get; }

    /// <summary>The origin of the coder; what the format defines joins it as it is noted.</summary>
    internal Provenance Origin(string format, string model = "", string hook = "") => new()
    {
        Format = format,
        Path = Candidate.Weights,
        ModelName = model,
        HookName = hook,
        Published = Published.In(Config.Json),
        Config = Config.Json,
        ByFormat = Config.ByFormatNotes,
    };

    /// <summary>The card of weights; <paramref name="writes"/> is the place it predicts where that is another one.</summary>
    internal static CoderCard Card(string architecture, CoderWeights weights, Provenance origin, string? writes = null) => new()
    {
        Architecture = architecture,
        Inputs = weights.Inputs,
        Features = weights.Features,
        Outputs = weights.Outputs,
        Reads = HookNames.Read(origin.HookName),
        Writes = HookNames.Read(writes ?? origin.HookName),
        Origin = origin,
    };

    /// <summary>Refuses weights whose configuration is missing, where the format needs one.</summary>
    internal void NeedConfig(string name)
    {
        if (Candidate.Config is null) throw new CheckpointException($"'{Candidate.Weights}' has no {name} beside it: what its numbers mean is not known.");
    }

    /// <summary>How many features a row keeps; refused where nobody says it.</summary>
    internal int K(params IEnumerable<string> keys)
    {
        var all = keys.ToList();
        return Config.Int(all) ?? throw Config.Open(all[0], "how many features a row keeps");
    }

    /// <summary>Compares a size in the configuration with that of the tensors.</summary>
    internal void CheckSize(string key, int size)
    {
        if (Config.Int(key) is { } stated && stated != size)
            throw new CheckpointException($"'{Config.File}' says {key} = {stated}; the tensors of '{Candidate.Weights}' have {size}.");
    }

    /// <summary>Notes how a coder that was trained batch by batch selects, where the user does not say it.</summary>
    internal void NoteSelection(bool hasThreshold)
    {
        if (Options.Select is null)
            Config.ByFormat("select", hasThreshold ? "threshold" : "batch", hasThreshold ? "the stored threshold; --select batch selects as training did" : "no threshold is stored");
    }

    /// <summary>Reports tensors that are missing, misshapen or left over, and settings that nothing asked for.</summary>
    internal void Finish()
    {
        Tensors.Finish();
        Config.Finish();
    }
}
