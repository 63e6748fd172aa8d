using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// The one file from which a run goes on: weights, optimisers' memory, counters, place in the data. It is replaced as a whole, so that a kill at any
/// moment leaves the one before. A run with other settings or data is refused.
/// </summary>
public sealed class TrainCheckpoint
{
    private readonly string _path;
    private readonly string _digest;

    /// <summary>The checkpoint of a folder.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="jobs">The coders.</param>
    /// <param name="data">The data.</param>
    /// <param name="options">What the coders share.</param>
    public TrainCheckpoint(string folder, IReadOnlyList<TrainJob> jobs, IActivationSource data, RunOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(jobs);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        _path = Path.Combine(folder, "checkpoint.safetensors");
        // How often is logged or stored changes nothing that is learned.
        var told = JsonSerializer.Serialize(options with { LogEvery = 1, CheckpointEvery = 0 }, TrainJson.Style)
            + string.Join("\n", jobs.Select(job => $"{job.Name} {string.Join(",", job.Reads)} {string.Join(",", job.Writes)} {job.Features} {Told(job.Settings)}"))
            + data.Fingerprint;
        _digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(told)))[..16];
    }

    /// <summary>Whether there is one.</summary>
    public bool Exists => File.Exists(_path);

    /// <summary>Steps that had been made when it was written; 0 where there is none.</summary>
    public long Steps
    {
        get
        {
            if (!Exists) return 0;
            using var stored = TensorSource.Open(_path);
            return Number(stored, "steps");
        }
    }

    /// <summary>Throws it away.</summary>
    public void Remove() => File.Delete(_path);

    /// <summary>Writes it.</summary>
    internal void Save(IReadOnlyList<TrainJob> jobs, IReadOnlyList<CoderTraining> runs, Cursor after)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        var metadata = new Dictionary<string, string>
        {
            ["run"] = _digest,
            ["steps"] = runs[0].Steps.ToString(CultureInfo.InvariantCulture),
            ["rows"] = after.Rows.ToString(CultureInfo.InvariantCulture),
        };
        for (var k = 0; k < jobs.Count; k++) metadata[$"coder{k}.scale"] = runs[k].Coder.MseScale.ToString("R", CultureInfo.InvariantCulture);
        Safetensors.Write(_path, runs.SelectMany((run, k) => run.Snapshot().Select(entry => ($"coder{k}.{entry.Name}", entry.Value))), metadata, ExistingFile.Replace);
    }

    /// <summary>Takes it up where it exists.</summary>
    /// <returns>Where the data goes on; null where there is no checkpoint.</returns>
    /// <exception cref="OptionsException">It belongs to a run with other settings or data.</exception>
    internal Cursor? Restore(IReadOnlyList<TrainJob> jobs, IReadOnlyList<CoderTraining> runs)
    {
        if (!Exists) return null;
        using var stored = TensorSource.Open(_path);
        if (stored.Metadata.GetValueOrDefault("run") != _digest)
            throw new OptionsException($"'{_path}' belongs to a run with other coders, options or data. Continue it with those, choose another folder, or start anew with --force.");
        var steps = Number(stored, "steps");
        for (var k = 0; k < jobs.Count; k++)
            runs[k].Restore(steps, double.Parse(Text(stored, $"coder{k}.scale"), CultureInfo.InvariantCulture), stored.Below($"coder{k}"));
        return new Cursor(Number(stored, "rows"));
    }

    private static string Told(CoderSettings settings) =>
        JsonSerializer.Serialize(settings, TrainJson.Style) + JsonSerializer.Serialize(settings.Options, settings.Options.GetType(), TrainJson.Style);

    private long Number(TensorSource stored, string key) =>
        long.TryParse(Text(stored, key), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw Damaged(key);

    private string Text(TensorSource stored, string key) => stored.Metadata.GetValueOrDefault(key) ?? throw Damaged(key);

    private CheckpointException Damaged(string key) => new($"'{_path}' does not say '{key}': it is no checkpoint of a run. Start anew with --force.");
}
