using System.Text.Json;
using Prisma.Core;

namespace Prisma.Sae;

/// <summary>The measurements of a run, one JSON object a line. A run that goes on from a checkpoint takes back what was logged after it.</summary>
public sealed class TrainLog : IDisposable
{
    private static readonly JsonSerializerOptions s_lines = new(TrainJson.Style) { WriteIndented = false };

    private readonly StreamWriter _writer;
    private readonly List<TrainMeasurement> _all = [];

    /// <summary>Opens the log of a run.</summary>
    /// <param name="path">The file.</param>
    /// <param name="steps">Steps that the run has made; later lines are dropped.</param>
    /// <exception cref="CheckpointException">A line is damaged.</exception>
    public TrainLog(string path, long steps)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (File.Exists(path)) _all.AddRange(Read(path).Where(measurement => measurement.Step <= steps));
        AtomicFile.WriteText(path, string.Concat(_all.Select(measurement => JsonSerializer.Serialize(measurement, s_lines) + "\n")), ExistingFile.Replace);
        _writer = new StreamWriter(path, append: true) { AutoFlush = true };
    }

    /// <summary>Everything measured so far.</summary>
    public IReadOnlyList<TrainMeasurement> All => _all;

    /// <summary>Adds a line.</summary>
    public void Add(TrainMeasurement measurement)
    {
        _all.Add(measurement);
        _writer.WriteLine(JsonSerializer.Serialize(measurement, s_lines));
    }

    /// <inheritdoc/>
    public void Dispose() => _writer.Dispose();

    // A kill may have cut the last line; it belongs to steps after the checkpoint.
    private static IEnumerable<TrainMeasurement> Read(string path)
    {
        var lines = File.ReadAllLines(path);
        for (var k = 0; k < lines.Length; k++)
        {
            TrainMeasurement? measurement = null;
            try
            {
                measurement = JsonSerializer.Deserialize<TrainMeasurement>(lines[k], s_lines);
            }
            catch (JsonException) when (k == lines.Length - 1)
            {
                break;
            }
            catch (JsonException e)
            {
                throw new CheckpointException($"'{path}', line {k + 1} is damaged: {e.Message}");
            }
            if (measurement is not null) yield return measurement;
        }
    }
}
