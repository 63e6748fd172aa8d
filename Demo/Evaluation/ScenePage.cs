using System.Globalization;
using Prisma.Circuits;

namespace Prisma.Demo;

/// <summary>The sections of an evaluation's page that only drawn scenes can have.</summary>
public static class ScenePage
{
    /// <summary>Adds them.</summary>
    public static HtmlReport Add(HtmlReport page, SceneScores scores)
    {
        ArgumentNullException.ThrowIfNull(page);
        ArgumentNullException.ThrowIfNull(scores);
        if (scores.Truth is { } truth)
        {
            page.Section("What was drawn, and what features say").Text(
                $"Every feature, at thresholds from 0 to 0.9 of its maximum, was held against what each patch shows. Coverage, the mean over properties of the best F1, is {Share(truth.Coverage)} "
                + $"(a feature that always fires: {Share(truth.Chance)}; one threshold for all features: {Share(truth.CoverageAtOneThreshold)}). {truth.PreciseFeatures} features name a property with a precision of 95 % or more; "
                + $"from them alone the other half of the scenes is rebuilt with a mean F1 of {Share(scores.Reconstruction)}.");
            page.Table(["property", "best feature", "threshold", "F1", "always yes", "share of patches"], truth.Matches.OrderByDescending(match => match.F1).Select(match => new[]
            {
                match.Property, match.Feature < 0 ? "none" : $"{match.Feature}", match.Threshold.ToString("f1", CultureInfo.InvariantCulture), Share(match.F1), Share(match.Chance), Share(match.BaseRate),
            }));
        }
        int[] sizes = [.. scores.Probes.SelectMany(probe => probe.Accuracies.Keys).Distinct().Order()];
        page.Section("Reading properties of objects from few features").Text(
            "A probe says whether an object has a property, from its codes pooled over its patches; as many objects without it, so chance is 50 %. Absorption: the share of the property that other features have swallowed where the features of the probe stay silent.");
        page.Table(["property", .. sizes.Select(size => size == 1 ? "1 feature" : $"{size} features"), "all channels", "features", "absorbed"], scores.Probes.Select(IReadOnlyList<string> (probe) =>
            [probe.Property, .. sizes.Select(size => Share(probe.Accuracies[size])), Share(probe.Activations), string.Join(", ", probe.Features), probe.Absorption is { Examples: > 0 } own ? Share(own.Fraction) : "–"]));
        page.Note($"{scores.Objects:n0} objects of {scores.Scenes:n0} scenes, half for fitting and half for scoring. A dash: the probe on all channels is no guide (F1 of 0.6 or less).");
        if (scores.Targeted.Count > 0)
        {
            int[] removed = [.. scores.Targeted.Values.SelectMany(byCount => byCount.Keys).Distinct().Order()];
            page.Section("Do features belong to one class?").Text("Targeted probe perturbation: features of one class are taken out; how much more its own probe loses than the probes of the other classes, in points of accuracy.");
            page.Table(["classes of", .. removed.Select(count => $"{count} out")], scores.Targeted.Select(IReadOnlyList<string> (pair) =>
                [pair.Key, .. removed.Select(count => (100 * pair.Value[count]).ToString("f1", CultureInfo.InvariantCulture))]));
        }
        if (scores.Spurious.Count == 0) return page;
        int[] taken = [.. scores.Spurious[0].Score.Scores.Keys.Order()];
        page.Section("Removing what goes along").Text("A probe learns a label from objects in which another attribute always goes with it. Taking that attribute's features out should give back the accuracy that the bias costs: 1 is all of it.");
        page.Table(["label", "goes with", "biased", "unbiased", .. taken.Select(count => $"{count} out")], scores.Spurious.Select(IReadOnlyList<string> (one) =>
            [one.Label, one.Attribute, Share(one.Score.Biased), Share(one.Score.Clean), .. taken.Select(count => one.Score.Scores[count].ToString("f2", CultureInfo.InvariantCulture))]));
        return page;
    }

    private static string Share(double share) => double.IsNaN(share) ? "–" : share.ToString("p1", CultureInfo.InvariantCulture);
}
