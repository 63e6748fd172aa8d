using System.Globalization;
using Prisma.Circuits;
using Prisma.Demo;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>An evaluation as tables for people.</summary>
internal static class EvaluationTables
{
    internal static void Print(Terminal terminal, EvaluationResult result, SceneScores? scenes, double? mmcs, KnownDirections? known)
    {
        var report = result.Report;
        terminal.Table(["metric", .. report.Rows.Select(row => row.Tokens)], MetricDefinition.All.Select(IReadOnlyList<string> (metric) =>
            [metric.Name, .. report.Rows.Select(row => EvaluationPage.Number(row[metric.Name]))]));
        terminal.Line($"vectors: {string.Join(", ", report.Rows.Select(row => $"{row.Tokens} {row.Count}"))}");
        terminal.Line($"{report.Usage.Dead} of {report.Usage.Features} features dead, {report.Usage.Dense} dense (fire on more than {report.Usage.Options.Dense:p0} of the vectors)");
        if (result.Losses.Count > 0)
            terminal.Table(["loss", "items", "plain", "spliced", "zeros", "mean", "recovered", "from mean"], result.Losses.Select(loss => new[]
            {
                loss.Name, $"{loss.Items}", EvaluationPage.Number(loss.Clean), EvaluationPage.Number(loss.Spliced), EvaluationPage.Number(loss.Zero), EvaluationPage.Number(loss.Mean),
                EvaluationPage.Number(loss.Recovered), EvaluationPage.Number(loss.RecoveredFromMean),
            }));
        if (result.Monosemanticity.Count > 0)
            terminal.Line($"monosemanticity: best {EvaluationPage.Number(result.Monosemanticity.Max())}, mean {EvaluationPage.Number(result.Monosemanticity.Average())}, worst {EvaluationPage.Number(result.Monosemanticity.Min())}");
        if (mmcs is { } between) terminal.Line($"decoder MMCS with the other coder: {EvaluationPage.Number(between)}");
        if (known is not null)
            terminal.Line($"{known.Directions} known directions: mean max cosine {EvaluationPage.Number(known.MeanMaxCosine)}, {Percent(known.Recovered)} matched with 0.9 or more");
        if (scenes is not null) Print(terminal, scenes);
    }

    private static void Print(Terminal terminal, SceneScores scenes)
    {
        if (scenes.Truth is { } truth)
        {
            terminal.Line($"coverage of what is drawn: {Percent(truth.Coverage)} (a feature that always fires: {Percent(truth.Chance)}); scenes rebuilt from {truth.PreciseFeatures} precise features: F1 {Percent(scenes.Reconstruction)}");
            terminal.Table(["property", "feature", "threshold", "F1", "always yes"], truth.Matches.OrderByDescending(match => match.F1).Select(match => new[]
            {
                match.Property, $"{match.Feature}", match.Threshold.ToString("f1", CultureInfo.InvariantCulture), Percent(match.F1), Percent(match.Chance),
            }));
        }
        int[] sizes = [.. scenes.Probes.SelectMany(probe => probe.Accuracies.Keys).Distinct().Order()];
        terminal.Line($"probes on features: {string.Join(", ", sizes.Select(size => $"{size}: {Percent(scenes.ProbeAccuracy(size))}"))}; on all channels: {Percent(scenes.Probes.Average(probe => probe.Activations))}; absorbed: {Percent(scenes.Absorption)}");
        foreach (var (attribute, scores) in scenes.Targeted)
            terminal.Line($"TPP of {attribute}: {string.Join(", ", scores.Select(pair => $"{pair.Key} out {EvaluationPage.Number(pair.Value)}"))}");
        foreach (var one in scenes.Spurious)
            terminal.Line($"SCR, {one.Label} going with {one.Attribute}: {string.Join(", ", one.Score.Scores.Select(pair => $"{pair.Key} out {EvaluationPage.Number(pair.Value)}"))}");
    }

    private static string Percent(double share) => double.IsNaN(share) ? "–" : share.ToString("p1", CultureInfo.InvariantCulture);
}
