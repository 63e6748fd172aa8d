using Prisma.Core;

namespace Prisma.Sae;

/// <summary>
/// A run in a folder: goes on where it stands, logs to <c>log.jsonl</c>, keeps <c>checkpoint.safetensors</c>, and writes each finished coder into a folder of
/// its name.
/// </summary>
public static class TrainFolder
{
    /// <summary>Trains to the end.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="config">Coders and options.</param>
    /// <param name="data">What they are trained on.</param>
    /// <param name="cards">What each coder is for: places and provenance.</param>
    /// <param name="layout">The layout of the finished coders.</param>
    /// <param name="existing">Whether a run that is there is thrown away; otherwise it is continued.</param>
    /// <param name="sink">Told how it goes.</param>
    /// <param name="stop">Ends the run with a checkpoint.</param>
    /// <param name="report">Given all that was measured so far with every checkpoint; the last comes at the end.</param>
    /// <param name="statistics">Rows over which each feature's activations are measured at the end (<see cref="CoderCard.Statistics"/>); 0: not at all.</param>
    /// <returns>The last measurement of each coder.</returns>
    /// <exception cref="PrismaException">Something does not fit, or the disk is full.</exception>
    public static IReadOnlyList<TrainMeasurement> Run(
        string folder, RunConfig config, IActivationSource data, Func<TrainJob, CoderCard> cards, string layout, ExistingFile existing, ITrainSink sink, CancellationToken stop,
        Action<IReadOnlyList<TrainMeasurement>>? report = null, long statistics = 0)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(cards);
        ArgumentNullException.ThrowIfNull(sink);
        var writer = CoderWriters.Named(layout);
        Directory.CreateDirectory(folder);
        var checkpoint = new TrainCheckpoint(folder, config.Jobs, data, config.Options);
        if (existing == ExistingFile.Replace) checkpoint.Remove();
        foreach (var place in config.Jobs.Select(job => Path.Combine(folder, job.Name)).Prepend(folder)) AtomicFile.RemoveAbandoned(place);
        using var log = new TrainLog(Path.Combine(folder, "log.jsonl"), checkpoint.Steps);
        var runs = Trainer.Fit(config.Jobs, data, config.Options, new Both(log, sink, report), checkpoint, stop);
        try
        {
            for (var k = 0; k < runs.Count; k++)
            {
                var card = cards(config.Jobs[k]);
                if (statistics > 0)
                {
                    using var measured = runs[k].Coder.Freeze(card);
                    if (measured is ISparseCoder sparse) card = card with { Statistics = FeatureMoments.Measure(sparse, data, config.Jobs[k].Reads, statistics, stop) };
                }
                using var coder = runs[k].Coder.Freeze(card);
                writer.Write(coder, Path.Combine(folder, config.Jobs[k].Name), ExistingFile.Replace);
            }
        }
        finally
        {
            foreach (var run in runs) run.Dispose();
        }
        return [.. config.Jobs.Select(job => log.All.Last(measurement => measurement.Coder == job.Name))];
    }

    private sealed class Both(TrainLog log, ITrainSink sink, Action<IReadOnlyList<TrainMeasurement>>? report) : ITrainSink
    {
        public void Stored()
        {
            report?.Invoke(log.All);
            sink.Stored();
        }

        public void Measured(TrainMeasurement measurement)
        {
            log.Add(measurement);
            sink.Measured(measurement);
        }

        public void Warned(string coder, long step, string warning) => sink.Warned(coder, step, warning);
    }
}
