using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Sae;

/// <summary>
/// Trains any number of coders over one pass through the data. A function of jobs, data and options: the same gives the same weights, bit for bit,
/// whether it was stopped and resumed in between or not. Knows no architecture, no model and no console.
/// </summary>
public static class Trainer
{
    private const double ManyDead = 0.5;

    /// <summary>Trains to the end and hands over the coders. The caller disposes the runs.</summary>
    /// <param name="jobs">The coders.</param>
    /// <param name="data">What they are trained on; must have their columns.</param>
    /// <param name="options">What they share.</param>
    /// <param name="sink">Told how it goes.</param>
    /// <param name="checkpoint">Where to store checkpoints, and to go on from one that is there; null for neither.</param>
    /// <param name="stop">Ends the run after a step, with a checkpoint, by an <see cref="OperationCanceledException"/>.</param>
    /// <exception cref="OptionsException">Something does not fit, or numbers became NaN.</exception>
    public static IReadOnlyList<CoderTraining> Fit(
        IReadOnlyList<TrainJob> jobs, IActivationSource data, RunOptions options, ITrainSink sink, TrainCheckpoint? checkpoint = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(jobs);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(sink);
        Check(jobs, data, options);
        var runs = new List<CoderTraining>();
        try
        {
            foreach (var job in jobs) runs.Add(new CoderTraining(job.Settings, Shape(job, data), options.Steps, job.Seed ?? options.Seed));
            TrainableCoder[] coders = [.. runs.Select(run => run.Coder)];
            foreach (var coder in coders) coder.Meet(coders);
            var cursor = checkpoint?.Restore(jobs, runs) ?? Cursor.Start;
            Run(jobs, runs, data, options, sink, checkpoint, cursor, stop);
            return runs;
        }
        catch
        {
            foreach (var run in runs) run.Dispose();
            throw;
        }
    }

    /// <summary>The sizes of a job's coder on this data.</summary>
    /// <exception cref="OptionsException">A column is missing.</exception>
    public static CoderShape Shape(TrainJob job, IActivationSource data)
    {
        ArgumentNullException.ThrowIfNull(job);
        ArgumentNullException.ThrowIfNull(data);
        int Width(string column) => data.Columns.FirstOrDefault(known => known.Name == column)?.Width
            ?? throw new OptionsException($"{job.Name}: the data has no '{column}'. It has {string.Join(", ", data.Columns.Select(known => known.Name))}.");
        return new CoderShape([.. job.Reads.Select(Width)], job.Features, [.. job.Writes.Select(Width)]);
    }

    private static void Check(IReadOnlyList<TrainJob> jobs, IActivationSource data, RunOptions options)
    {
        options.Validate();
        if (jobs.Count == 0) throw new OptionsException("There is no coder to train.");
        if (jobs.GroupBy(job => job.Name, StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new OptionsException($"Two coders are called '{twice.Key}': give them different names.");
        if (data.RowsPerRound is { } rows && rows < options.BatchRows)
            throw new OptionsException($"The data has {rows} rows, fewer than one batch of {options.BatchRows}.");
        foreach (var job in jobs)
        {
            job.Settings.Validate(Shape(job, data));
            if (job.Gradients is { } column && data.Columns.All(known => known.Name != column))
                throw new OptionsException($"{job.Name}: the data has no '{column}' for gradients. It has {string.Join(", ", data.Columns.Select(known => known.Name))}.");
            if (job.Settings.Options.Missing(job.Gradients is not null, data.RunsOn) is { } missing) throw new OptionsException($"{job.Name}: {missing}.");
            if (data.RunsOn && options.Parts > 1 && job.Settings.Options.Missing(gradients: true, model: false) is not null)
                throw new OptionsException($"parts = {options.Parts}: coders that are trained through their model need whole batches.");
        }
    }

    private static void Run(
        IReadOnlyList<TrainJob> jobs, List<CoderTraining> runs, IActivationSource data, RunOptions options, ITrainSink sink,
        TrainCheckpoint? checkpoint, Cursor cursor, CancellationToken stop)
    {
        var done = runs[0].Steps;
        if (done >= options.Steps) return;
        var warned = new HashSet<string>(StringComparer.Ordinal);
        foreach (var batch in data.Open(options.BatchRows, cursor, CancellationToken.None))
        {
            using (batch)
            {
                if (done == 0)
                    for (var k = 0; k < jobs.Count; k++) Begin(jobs[k], runs[k], batch, data);
                foreach (var run in runs) run.Coder.BeforeStep();
                for (var k = 0; k < jobs.Count; k++) One(jobs[k], runs[k], batch, options, sink, warned);
                done++;
                var last = done >= options.Steps;
                if (checkpoint is not null && (last || stop.IsCancellationRequested || (options.CheckpointEvery > 0 && done % options.CheckpointEvery == 0)))
                {
                    checkpoint.Save(jobs, runs, batch.After);
                    sink.Stored();
                }
                if (last) return;
                stop.ThrowIfCancellationRequested();
            }
        }
    }

    // What depends on data is set from the first batch, or from more of the first rows where the architecture asks for them.
    private static void Begin(TrainJob job, CoderTraining run, ActivationBatch batch, IActivationSource data)
    {
        using var scope = NewDisposeScope();
        // Whole batches of one round at most.
        var wanted = Math.Min(run.Coder.StartRows, (data.RowsPerRound ?? long.MaxValue) / batch.Rows * batch.Rows);
        if (wanted <= batch.Rows)
        {
            run.Begin(Rows(job, batch));
            return;
        }
        var (parts, size) = (new List<TrainRows>(), (int)batch.Rows);
        foreach (var first in data.Open(size, Cursor.Start, CancellationToken.None))
        {
            using (first)
            {
                var rows = Rows(job, first);
                parts.Add(new TrainRows(rows.Inputs.clone(), rows.Targets.clone()));
            }
            if ((long)parts.Count * size >= wanted) break;
        }
        run.Begin(new TrainRows(cat([.. parts.Select(part => part.Inputs)]), cat([.. parts.Select(part => part.Targets)])));
    }

    private static void One(TrainJob job, CoderTraining run, ActivationBatch batch, RunOptions options, ITrainSink sink, HashSet<string> warned)
    {
        using var scope = NewDisposeScope();
        var rows = Rows(job, batch);
        var report = run.Step(Cut(rows, options.Parts));
        if (!double.IsFinite(report.Total))
            throw new OptionsException(
                $"{job.Name}: the loss became {report.Total} in step {report.Step} ({string.Join(", ", report.Losses.Select(term => $"{term.Key} {term.Value.Value:g4}"))}). Lower the step size, or look at the data.");
        if (run.Steps % options.LogEvery != 0 && run.Steps != options.Steps) return;
        var measurement = Measure(job, run, rows, report, batch.After.Rows);
        sink.Measured(measurement);
        if (measurement.Dead > ManyDead && warned.Add(job.Name))
            sink.Warned(job.Name, run.Steps, $"{measurement.Dead:P0} of the features are dead: a lower penalty, an auxiliary loss or fewer features would help");
    }

    private static TrainMeasurement Measure(TrainJob job, CoderTraining run, TrainRows rows, StepReport report, long seen)
    {
        using var coder = run.Coder.Freeze();
        var fidelity = new Fidelity(coder);
        fidelity.Add(run.Coder.Arranged(rows.Inputs), target: run.Coder.Arranged(rows.Targets));
        var all = fidelity.Report()["all"];
        return new TrainMeasurement
        {
            Coder = job.Name,
            Step = run.Steps,
            Steps = run.TotalSteps,
            Rows = seen,
            Loss = report.Total,
            Terms = report.Losses.ToDictionary(term => term.Key, term => term.Value.Value, StringComparer.Ordinal),
            L0 = all.L0,
            ExplainedVariance = all.ExplainedVariance,
            Dead = run.Dead.Mask.to(float64).mean().item<double>(),
            LearningRate = report.LearningRate,
            Gradients = report.Gradients,
        };
    }

    private static TrainRows Rows(TrainJob job, ActivationBatch batch)
    {
        var inputs = Joined(job.Reads, batch);
        return new TrainRows(inputs, job.Reads.SequenceEqual(job.Writes) ? inputs : Joined(job.Writes, batch))
        {
            // They cost a backward pass: only for architectures that look at them.
            Gradients = job.Gradients is { } column && job.Settings.Options.Missing(gradients: false, model: true) is not null ? batch[column] : null,
            Onward = job.Writes.Count == 1 ? batch.Onward?.At(job.Writes[0]) : null,
        };
    }

    private static Tensor Joined(IReadOnlyList<string> columns, ActivationBatch batch) =>
        columns.Count == 1 ? batch[columns[0]] : cat([.. columns.Select(column => batch[column])], 1);

    private static IReadOnlyList<TrainRows> Cut(TrainRows rows, int parts)
    {
        if (parts == 1) return [rows];
        var size = rows.Inputs.shape[0] / parts;
        var same = ReferenceEquals(rows.Inputs, rows.Targets);
        return [.. Enumerable.Range(0, parts).Select(k =>
        {
            var inputs = rows.Inputs.narrow(0, k * size, size);
            return rows with { Inputs = inputs, Targets = same ? inputs : rows.Targets.narrow(0, k * size, size), Gradients = rows.Gradients?.narrow(0, k * size, size) };
        })];
    }
}
