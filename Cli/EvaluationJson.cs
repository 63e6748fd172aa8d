using Prisma.Demo;
using Prisma.Sae;

namespace Prisma.Cli;

/// <summary>An evaluation as records for JSON: one per number, with its name, token set and count. Numbers that are not defined are null.</summary>
internal static class EvaluationJson
{
    internal static object Of(EvaluationResult result, string dataset, ulong seed, double? mmcs, object? known, SceneScores? scenes)
    {
        var (report, card) = (result.Report, result.Report.Card);
        return new
        {
            sae = new { path = card.Origin.Path, format = card.Origin.Format, architecture = card.Architecture, inputs = card.Inputs, features = card.Features, outputs = card.Outputs, hook = card.Origin.HookName },
            dataset,
            seed,
            metrics = report.Rows.SelectMany(row => MetricDefinition.All.Select(metric => new
            {
                metric = metric.Name,
                value = Finite(row[metric.Name]),
                n_tokens = row.Count,
                token_set = row.Tokens,
                definition = metric.Formula,
            })),
            usage = new
            {
                n_tokens = report.Usage.Rows,
                features = report.Usage.Features,
                dead = report.Usage.Dead,
                dead_threshold = report.Usage.Options.Dead,
                dense = report.Usage.Dense,
                dense_threshold = report.Usage.Options.Dense,
                rare = report.Usage.Rare.Select(pair => new { below = pair.Key, features = pair.Value }),
                alive_share = report.Usage.Alive,
                l0_image_unique = Finite(report.Usage.L0ImageUnique),
                l0_image_sum = Finite(report.Usage.L0ImageSum),
                consistent_activation = Finite(report.Usage.Extent),
                histogram = new { of = "log10(density + 1e-10)", from = -10, to = 0, counts = report.Usage.Histogram },
            },
            losses = result.Losses.Select(loss => new
            {
                loss = loss.Name,
                loss.Items,
                clean = Finite(loss.Clean),
                spliced = Finite(loss.Spliced),
                zero = Finite(loss.Zero),
                mean = Finite(loss.Mean),
                recovered = Finite(loss.Recovered),
                recovered_from_mean = Finite(loss.RecoveredFromMean),
                recovered_percent_prisma_compat = Finite(loss.RecoveredPrismaCompat),
            }),
            monosemanticity = result.Monosemanticity.Count == 0 ? null : new
            {
                best = result.Monosemanticity.Max(),
                worst = result.Monosemanticity.Min(),
                mean = result.Monosemanticity.Average(),
                features = result.Monosemanticity,
            },
            decoder_mmcs = mmcs,
            known_directions = known,
            published = card.Origin.Published,
            scenes = scenes is null ? null : Scenes(scenes),
        };
    }

    private static object Scenes(SceneScores scores) => new
    {
        scores.Scenes,
        scores.Objects,
        coverage = scores.Truth?.Coverage,
        coverage_at_one_threshold = scores.Truth?.CoverageAtOneThreshold,
        coverage_chance = scores.Truth?.Chance,
        reconstruction = Finite(scores.Reconstruction),
        precise_features = scores.Truth?.PreciseFeatures,
        properties = scores.Truth?.Matches,
        sparse_probing = scores.Probes.Select(probe => new
        {
            probe.Property,
            all_channels = probe.Activations,
            accuracies = probe.Accuracies.Select(pair => new { features = pair.Key, accuracy = pair.Value }),
            probe.Features,
            absorption = probe.Absorption is null ? null : new { probe.Absorption.Examples, fraction = Finite(probe.Absorption.Fraction), full = Finite(probe.Absorption.Full), probe.Absorption.Main },
        }),
        absorption = Finite(scores.Absorption),
        tpp = scores.Targeted.Select(pair => new { attribute = pair.Key, scores = pair.Value.Select(one => new { removed = one.Key, score = one.Value }) }),
        scr = scores.Spurious.Select(one => new
        {
            one.Label,
            one.Attribute,
            biased = one.Score.Biased,
            clean = one.Score.Clean,
            scores = one.Score.Scores.Select(pair => new { removed = pair.Key, score = pair.Value, accuracy = one.Score.Accuracies[pair.Key] }),
        }),
    };

    private static double? Finite(double value) => double.IsFinite(value) ? value : null;
}
