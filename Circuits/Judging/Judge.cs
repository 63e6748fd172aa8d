using System.Globalization;
using System.Text;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Circuits;

/// <summary>
/// Judges attribution methods on pictures whose objects are known: energy on the target against the other objects, pointing game, and,
/// where asked, deletion and insertion. Baselines are judged in the same way.
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
        var curves = scores.Any(score => score.Deletion is not null);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{"method",-28} {"energy on target",18} {"area",7} {"ratio",6} {"of picture",11} {"area",7} {"pointing",9} {"or near",8}");
        text.Append(curves ? $" {"deletion",9} {"insertion",10}\n" : "\n");
        foreach (var score in scores.OrderBy(score => score.IsBaseline).ThenByDescending(score => score.EnergyAmongObjects))
        {
            text.Append(CultureInfo.InvariantCulture, $"{score.Method + (score.IsBaseline ? " (baseline)" : score.UsesTarget ? "" : " (any target)"),-28} {score.EnergyAmongObjects,10:P1} ± {score.EnergyError,5:P1} {score.AreaAmongObjects,7:P1} {score.Ratio,6:F2} {score.EnergyOfPicture,11:P1} {score.AreaOfPicture,7:P1} {score.Pointing,9:P1} {score.PointingNear,8:P1}");
            text.Append(curves ? string.Create(CultureInfo.InvariantCulture, $" {score.Deletion,9:F3} {score.Insertion,10:F3}\n") : "\n");
        }
        return text.ToString();
    }

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
            var map = maps[k].Heatmap;
            var (deletion, insertion) = options.Curves
                ? (PerturbationCurve.Deletion(model, pixels.narrow(0, k, 1), map, picture.Target, options.CurveSteps).Area,
                    PerturbationCurve.Insertion(model, pixels.narrow(0, k, 1), map, picture.Target, options.CurveSteps).Area)
                : ((double?)null, (double?)null);
            var tolerance = options.Tolerance ?? PointingGame.UsualTolerance(map.Geometry.OriginalWidth, map.Geometry.OriginalHeight);
            return new Result(EnergyScore.Of(map, picture.TargetMask, picture.OthersMask), PointingGame.Hits(map, picture.TargetMask),
                PointingGame.Hits(map, picture.TargetMask, tolerance), deletion, insertion);
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
        };
    }

    private sealed record Result(EnergyScore Energy, bool Hit, bool Near, double? Deletion, double? Insertion);
}
