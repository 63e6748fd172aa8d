using System.Globalization;
using System.Text;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Judges attribution methods on pictures whose objects are known: energy on the target against the other objects, pointing game, and,
/// where asked, deletion, insertion and other measures of faithfulness. Baselines are judged in the same way.
/// </summary>
public static class Judge
{
    /// <summary>Scores each method over all pictures.</summary>
    /// <param name="model">The model.</param>
    /// <param name="pictures">All of one size; each with its own target. Targets that are read at different places share no pass.</param>
    /// <param name="methods">The methods; null: all that apply. Named ones that do not apply are errors.</param>
    /// <param name="options">Null: the defaults.</param>
    /// <param name="progress">Told the pictures done, over all methods.</param>
    /// <param name="stop">Ends the work between two batches.</param>
    public static IReadOnlyList<MethodScore> Score(HookedModel model, IReadOnlyList<JudgedPicture> pictures, IReadOnlyList<AttributionMethod>? methods = null,
        JudgeOptions? options = null, IProgress<int>? progress = null, CancellationToken stop = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(pictures);
        if (pictures.Count == 0) throw new OptionsException("Methods are judged on pictures; none were given.");
        options ??= new JudgeOptions();
        var scores = new List<MethodScore>();
        var done = 0;
        foreach (var method in methods ?? AttributionMethod.All)
        {
            var results = new List<Result>();
            try
            {
                foreach (var batch in Batches(pictures, options.Batch))
                {
                    stop.ThrowIfCancellationRequested();
                    var attribution = options.Attribution with { Seed = options.Attribution.Seed + results.Count };
                    results.AddRange(Measure(model, method, batch, options with { Attribution = attribution }));
                    progress?.Report(done += batch.Count);
                }
            }
            catch (NotApplicableException) when (methods is null && results.Count == 0)
            {
                continue;
            }
            scores.Add(Sum(method, results));
        }
        return scores;
    }

    /// <summary>
    /// The method with the highest share of energy on the target among those that explain an answer: baselines are left out, and so are
    /// methods whose maps are the same for every target (raw attention, rollout). Choose on other pictures than you report on.
    /// </summary>
    public static MethodScore Best(IReadOnlyList<MethodScore> scores) =>
        scores.Where(score => score.UsesTarget).MaxBy(score => score.EnergyAmongObjects)
        ?? throw new OptionsException("Only methods that ignore the target were judged; there is no best explanation.");

    /// <summary>The scores as a text table, best first, baselines below.</summary>
    public static string Table(IReadOnlyList<MethodScore> scores)
    {
        ArgumentNullException.ThrowIfNull(scores);
        List<(string Name, Func<MethodScore, double?> Of)> measures = [.. s_measures.Where(measure => scores.Any(score => measure.Of(score) is not null))];
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{"method",-28} {"energy on target",18} {"area",7} {"ratio",6} {"of picture",11} {"area",7} {"pointing",9} {"or near",8}");
        foreach (var (name, _) in measures) text.Append(' ').Append(name);
        text.Append('\n');
        foreach (var score in scores.OrderBy(score => score.IsBaseline).ThenByDescending(score => score.EnergyAmongObjects))
        {
            text.Append(CultureInfo.InvariantCulture, $"{score.Method + (score.IsBaseline ? " (baseline)" : score.UsesTarget ? "" : " (any target)"),-28} {score.EnergyAmongObjects,10:P1} ± {score.EnergyError,5:P1} {score.AreaAmongObjects,7:P1} {score.Ratio,6:F2} {score.EnergyOfPicture,11:P1} {score.AreaOfPicture,7:P1} {score.Pointing,9:P1} {score.PointingNear,8:P1}");
            foreach (var (name, of) in measures) text.Append(' ').Append((of(score)?.ToString("F3", CultureInfo.InvariantCulture) ?? "").PadLeft(name.Length));
            text.Append('\n');
        }
        return text.ToString();
    }

    // Names as wide as their columns.
    private static readonly (string Name, Func<MethodScore, double?> Of)[] s_measures =
    [
        (" deletion", score => score.Deletion), (" insertion", score => score.Insertion), ("    ROAD", score => score.Road),
        ("comprehensive", score => score.Comprehensiveness), ("sufficient", score => score.Sufficiency), ("sensitivity-n", score => score.SensitivityN),
    ];

    private static IEnumerable<IReadOnlyList<JudgedPicture>> Batches(IReadOnlyList<JudgedPicture> pictures, int size) =>
        pictures.Chunk(pictures.Select(picture => picture.Target?.ReadsAt).Distinct().Count() == 1 ? size : 1);

    private static PerExample? Targets(HookedModel model, IReadOnlyList<JudgedPicture> batch) => batch.All(picture => picture.Target is null)
        ? null
        : new PerExample([.. batch.Select(picture => picture.Target ?? new ChosenClass(model.Card.Labels))]);

    private static List<Result> Measure(HookedModel model, AttributionMethod method, IReadOnlyList<JudgedPicture> batch, JudgeOptions options)
    {
        using var scope = NewDisposeScope();
        var pixels = stack(batch.Select(picture => picture.Pixels));
        var geometries = batch[0].Geometry is null ? null : batch.Select(picture => picture.Geometry!).ToList();
        var maps = method.Explain(model, pixels, Targets(model, batch), options.Attribution with { Geometries = geometries });
        return [.. batch.Select((picture, k) =>
        {
            var (map, one) = (maps[k].Heatmap, pixels.narrow(0, k, 1));
            double? Where(bool asked, Func<double> measure) => asked ? measure() : null;
            var faithful = options.Faithfulness ? Faithfulness.Of(model, one, map, picture.Target) : null;
            var tolerance = options.Tolerance ?? PointingGame.UsualTolerance(map.Geometry.OriginalWidth, map.Geometry.OriginalHeight);
            return new Result(EnergyScore.Of(map, picture.TargetMask, picture.OthersMask), PointingGame.Hits(map, picture.TargetMask),
                PointingGame.Hits(map, picture.TargetMask, tolerance))
            {
                Deletion = Where(options.Curves, () => PerturbationCurve.Deletion(model, one, map, picture.Target, options.CurveSteps).Area),
                Insertion = Where(options.Curves, () => PerturbationCurve.Insertion(model, one, map, picture.Target, options.CurveSteps).Area),
                Road = Where(options.Faithfulness, () => PerturbationCurve.Road(model, one, map, picture.Target, options.CurveSteps, seed: options.Attribution.Seed).Area),
                Comprehensiveness = faithful?.Comprehensiveness,
                Sufficiency = faithful?.Sufficiency,
                SensitivityN = Where(options.Faithfulness, () => Circuits.SensitivityN.Of(model, one, map, picture.Target, options.Subsets, seed: (int)options.Attribution.Seed).Mean),
            };
        })];
    }

    private static MethodScore Sum(AttributionMethod method, List<Result> results)
    {
        var mean = results.Average(result => result.Energy.AmongObjects);
        var variance = results.Sum(result => Math.Pow(result.Energy.AmongObjects - mean, 2)) / Math.Max(1, results.Count - 1);
        return new MethodScore
        {
            Method = method.Name,
            IsBaseline = method.IsBaseline,
            UsesTarget = method.UsesTarget,
            Pictures = results.Count,
            EnergyAmongObjects = mean,
            EnergyError = Math.Sqrt(variance / results.Count),
            AreaAmongObjects = results.Average(result => result.Energy.AreaAmongObjects),
            EnergyOfPicture = results.Average(result => result.Energy.OfPicture),
            AreaOfPicture = results.Average(result => result.Energy.AreaOfPicture),
            Pointing = results.Average(result => result.Hit ? 1.0 : 0),
            PointingNear = results.Average(result => result.Near ? 1.0 : 0),
            Deletion = results.Average(result => result.Deletion),
            Insertion = results.Average(result => result.Insertion),
            Road = results.Average(result => result.Road),
            Comprehensiveness = results.Average(result => result.Comprehensiveness),
            Sufficiency = results.Average(result => result.Sufficiency),
            SensitivityN = results.Average(result => result.SensitivityN),
        };
    }

    private sealed record Result(EnergyScore Energy, bool Hit, bool Near)
    {
        internal double? Deletion { get; init; }
        internal double? Insertion { get; init; }
        internal double? Road { get; init; }
        internal double? Comprehensiveness { get; init; }
        internal double? Sufficiency { get; init; }
        internal double? SensitivityN { get; init; }
    }
}
