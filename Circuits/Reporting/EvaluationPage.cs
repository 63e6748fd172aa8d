using System.Globalization;
using Prisma.Sae;

namespace Prisma.Circuits;

/// <summary>A page with what was measured of a coder: every number under its name, with its unit and formula.</summary>
public static class EvaluationPage
{
    /// <summary>The page; further sections can be added before it is saved.</summary>
    /// <param name="result">What was measured.</param>
    /// <param name="dataset">On what, in words.</param>
    public static HtmlReport Of(EvaluationResult result, string dataset)
    {
        ArgumentNullException.ThrowIfNull(result);
        var (report, card) = (result.Report, result.Report.Card);
        var page = new HtmlReport($"Evaluation of {(card.Origin.Path.Length > 0 ? card.Origin.Path : card.Name)}");
        page.Note($"{card.Architecture}, {card.Inputs} → {card.Features} features → {card.Outputs}{(card.Origin.HookName.Length > 0 ? $", at {card.Origin.HookName}" : "")}. Measured on {dataset}.");
        page.Section("Reconstruction").Table(["metric", .. report.Rows.Select(row => $"{row.Tokens} ({row.Count:n0} vectors)"), "meaning"],
            MetricDefinition.All.Select(IReadOnlyList<string> (metric) =>
                [metric.Name, .. report.Rows.Select(row => Number(row[metric.Name])), metric.Formula + (metric.Source.Length > 0 ? $" ({metric.Source})" : "")]));
        page.Note("x is what was to be predicted, x̂ the prediction, e = x − x̂, z the features' activations; errors are in the activations' own units, squared where the formula says so. Names in _compat exist to be compared with published numbers.");
        Usage(page, report.Usage);
        Losses(page, result.Losses);
        if (result.Monosemanticity.Count > 0) Sameness(page, result.Monosemanticity);
        if (card.Origin.Published.Count > 0)
            page.Section("What the coder's file states").Table(["name", "value"], card.Origin.Published.Select(pair => new[] { pair.Key, Number(pair.Value) }));
        return page;
    }

    /// <summary>A number for tables: four digits that count, a dash where it is not defined.</summary>
    public static string Number(double value) => double.IsNaN(value) ? "–"
        : Math.Abs(value) is >= 1e5 or (< 1e-3 and > 0) ? value.ToString("0.###e+0", CultureInfo.InvariantCulture)
        : value.ToString(Math.Abs(value) >= 100 ? "f1" : "f4", CultureInfo.InvariantCulture);

    private static void Usage(HtmlReport page, UsageReport usage)
    {
        page.Section("How often features fire").Drawing(DensityChart.Svg(usage),
            $"{usage.Features:n0} features over {usage.Rows:n0} vectors. On fewer vectors more features look dead.");
        page.Table(["features", "number", "share"],
        [
            Line($"dead (density {(usage.Options.Dead == 0 ? "0" : $"≤ {usage.Options.Dead:g3}")})", usage.Dead),
            Line($"dense (density > {usage.Options.Dense:g3})", usage.Dense),
            .. usage.Rare.Select(pair => Line($"rare (density < {pair.Key:g3})", pair.Value)),
        ]);
        if (!double.IsNaN(usage.L0ImageUnique))
            page.Table(["per picture", "mean"],
            [
                ["different features", Number(usage.L0ImageUnique)], ["activations over all tokens", Number(usage.L0ImageSum)],
                ["tokens on which a feature fires, where it fires at all", Number(usage.Extent)],
            ]);

        string[] Line(string name, int count) => [name, count.ToString("n0", CultureInfo.InvariantCulture), ((double)count / usage.Features).ToString("p1", CultureInfo.InvariantCulture)];
    }

    private static void Losses(HtmlReport page, IReadOnlyList<LossRow> losses)
    {
        if (losses.Count == 0) return;
        page.Section("What the model loses").Text("The coder's prediction takes the value's place in the model. 1 recovered: nothing is lost; 0: no better than zeros (or the mean) in its place; a dash: the place hardly matters for this loss. Cross-entropies and KL are in nats.");
        page.Table(["loss", "items", "plain", "coder spliced in", "zeros", "mean", "recovered (zeros)", "recovered (mean)"], losses.Select(loss => new[]
        {
            loss.Name, loss.Items.ToString("n0", CultureInfo.InvariantCulture), Number(loss.Clean), Number(loss.Spliced), Number(loss.Zero), Number(loss.Mean), Number(loss.Recovered), Number(loss.RecoveredFromMean),
        }));
    }

    private static void Sameness(HtmlReport page, IReadOnlyList<double> scores)
    {
        double[] sorted = [.. scores.OrderDescending()];
        double At(double share) => sorted[(int)((sorted.Length - 1) * share)];
        page.Section("Do the pictures of a feature look alike?").Text("Monosemanticity score: mean similarity of pairs of pictures, weighted by how strongly both excite the feature; 1 where all are the same.")
            .Table(["", "score"], [["best feature", Number(sorted[0])], ["best quarter", Number(At(.25))], ["median", Number(At(.5))], ["worst feature", Number(sorted[^1])], ["mean", Number(sorted.Average())]]);
    }
}
