using System.Globalization;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Circuits;

/// <summary>A training run as a page of curves: loss, explained variance, active and dead features, step size, and the parts of the loss; a line per coder.</summary>
public static class TrainPage
{
    /// <summary>The file's name in a run's folder.</summary>
    public const string FileName = "report.html";

    /// <summary>Writes the page into a run's folder, in place of the one before.</summary>
    public static void Save(string folder, IReadOnlyList<TrainMeasurement> measured) => Of(measured).Save(Path.Combine(folder, FileName), ExistingFile.Replace);

    /// <summary>The page.</summary>
    public static HtmlReport Of(IReadOnlyList<TrainMeasurement> measured)
    {
        ArgumentNullException.ThrowIfNull(measured);
        var coders = measured.GroupBy(one => one.Coder, StringComparer.Ordinal).Select(group => (Name: group.Key, All: group.ToList())).ToList();
        var page = new HtmlReport("Training of sparse coders");
        if (coders.Count == 0) return page.Text("Nothing was measured yet.");
        var newest = measured.MaxBy(one => one.Step)!;
        page.Text(string.Create(CultureInfo.InvariantCulture, $"{coders.Count} {(coders.Count == 1 ? "coder" : "coders")}, step {newest.Step:n0} of {newest.Steps:n0}, {newest.Rows:n0} rows of data used."));
        page.Note("Every number was measured on the batch of its step. Explained variance is that of the coder as it would be used; a feature counts as dead by the run's own rule.");
        page.Table(["coder", "loss", "explained variance", "active per row", "dead", "step size"], coders.Select(IReadOnlyList<string> (coder) =>
        {
            var last = coder.All[^1];
            return [coder.Name, Number(last.Loss, "g5"), Number(last.ExplainedVariance, "f4"), Number(last.L0, "f1"), Number(last.Dead, "P1"), Number(last.LearningRate, "g3")];
        }), best: coders.Count > 1 ? coders.MaxBy(coder => coder.All[^1].ExplainedVariance).Name : null);
        void Chart(string heading, string unit, string caption, Func<TrainMeasurement, double> value) => Draw(page, coders, heading, unit, caption, value);
        Chart("Loss", "loss", "What each coder minimises. Losses of different architectures cannot be compared.", one => one.Loss);
        Chart("Explained variance", "explained variance (1 = all)", "Share of the variance of what is to be predicted.", one => one.ExplainedVariance);
        Chart("Active features", "features per row (L0)", "Mean number of features that are not zero.", one => one.L0);
        Chart("Dead features", "share of all features (%)", "Features that have been silent for longer than the run allows.", one => one.Dead * 100);
        Chart("Step size", "learning rate", "The optimiser's step size.", one => one.LearningRate);
        foreach (var term in measured.SelectMany(one => one.Terms.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
            Draw(page, coders, $"Part of the loss: {term.Replace('_', ' ')}", term.Replace('_', ' '),
                "Before its weight.", one => one.Terms.GetValueOrDefault(term, double.NaN));
        return page;
    }

    // A coder has the same colour in every chart.
    private static void Draw(HtmlReport page, IReadOnlyList<(string Name, List<TrainMeasurement> All)> coders, string heading, string unit, string caption,
        Func<TrainMeasurement, double> value) => page.Section(heading).Drawing(
            LineChart.Svg([.. coders.Select(coder => new ChartLine(coder.Name, [.. coder.All.Select(one => ((double)one.Step, value(one)))]))], "step", unit), caption);

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
