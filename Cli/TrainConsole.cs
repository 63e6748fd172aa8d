using System.Diagnostics;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>Says on the terminal how a training run goes.</summary>
internal sealed class TrainConsole(Terminal terminal) : ITrainSink
{
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly HashSet<(string, GradientPath)> _told = [];
    private long _first = -1;

    public void Measured(TrainMeasurement measurement)
    {
        if (_first < 0) _first = measurement.Step;
        if (_told.Add((measurement.Coder, measurement.Gradients)))
            terminal.Remark($"{measurement.Coder}: {(measurement.Gradients == GradientPath.Sparse ? "sparse gradients, through the entries that are kept" : "dense gradients, over all features")}.");
        var each = measurement.Step > _first ? _watch.Elapsed / (measurement.Step - _first) : TimeSpan.Zero;
        if (measurement.Step == _first) _watch.Restart();
        var left = each > TimeSpan.Zero ? $", {each * (measurement.Steps - measurement.Step):h\\:mm\\:ss} left" : "";
        terminal.Remark(
            $"{measurement.Coder} {measurement.Step}/{measurement.Steps}: loss {measurement.Loss:g4}, explained {measurement.ExplainedVariance:P1}, L0 {measurement.L0:f1}, dead {measurement.Dead:P1}{left}");
    }

    public void Warned(string coder, long step, string warning) => terminal.Remark($"Warning, {coder}, step {step}: {warning}.");
}
