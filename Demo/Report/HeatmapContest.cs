using System.Diagnostics;
using System.Globalization;
using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Which heatmap method lies best on the object that is asked about: chosen on some scenes, scored on others.</summary>
/// <param name="Best">The method chosen on the choosing scenes, over the questions about the class that the model chose.</param>
/// <param name="ChosenOn">The choosing scenes.</param>
/// <param name="ScoredOn">The scoring scenes.</param>
/// <param name="Choosing">Methods and baselines on the choosing scenes, per kind of question, all together last.</param>
/// <param name="Tables">The same on the scoring scenes.</param>
/// <param name="LeftOut">The methods that take too many passes or too long beside them.</param>
public sealed record HeatmapContest(string Best, ContestScenes ChosenOn, ContestScenes ScoredOn, IReadOnlyList<ContestTable> Choosing, IReadOnlyList<ContestTable> Tables,
    IReadOnlyList<string> LeftOut)
{
    private const int Batch = 50;

    // Of sensitivity-n, of each size: over many pictures fewer do than the published 100.
    private const int Subsets = 20;
    private const string OfChosen = "chosen class";

    /// <summary>The method that the choosing scenes would have named over all kinds of question, contrasts included.</summary>
    public string BestOverAll => Judge.Best(Choosing[^1].Scores).Method;

    /// <summary>The scores on all questions about the class that the model chose, rightly or wrongly.</summary>
    public ContestTable Main => Tables.Single(table => table.Question == OfChosen);

    /// <summary>Chooses and scores.</summary>
    public static HeatmapContest Run(HookedModel model, DemoOptions options, IProgress<string> progress, CancellationToken stop = default)
    {
        var asked = options.Methods?.Select(AttributionMethod.Named).ToList() ?? AttributionMethod.All;
        using var scope = NewDisposeScope();
        var judging = new JudgeOptions { Batch = Batch, Attribution = new AttributionOptions { Steps = options.Steps, Samples = options.Samples, Batch = Batch } };
        progress.Report($"looking for scenes to choose a method on, {options.ChoosingWrong} of {options.Choosing} misclassified");
        var chosenOn = ContestScenes.Draw(model, SceneSplit.Choosing, options.Choosing, options.ChoosingWrong, stop);
        progress.Report($"looking for scenes to score on, {options.ScoringWrong} of {options.Scoring} misclassified");
        var scoredOn = ContestScenes.Draw(model, SceneSplit.Scoring, options.Scoring, options.ScoringWrong, stop);
        var (choosing, scoring) = (ContestQuestion.About(chosenOn, model.Card.Labels), ContestQuestion.About(scoredOn, model.Card.Labels));
        var layout = model.LayoutOf(choosing[0].Pictures[0].Pixels.unsqueeze(0))!;
        var entrants = asked.Where(method => !method.WorksLong && method.Passes(layout, judging.Attribution) <= options.MostPasses).ToList();
        var second = PassTime(model, choosing[0].Pictures[0]);
        var first = Score(model, choosing, entrants, "choosing", second, judging, progress, stop);
        var best = Judge.Best(first.Single(table => table.Question == OfChosen).Scores).Method;
        var methods = entrants.Where(method => options.EveryMethod || method.Name == best || method.IsBaseline || Shown.Contains(method.Name)).ToList();
        var thorough = judging with { Curves = options.Faithful, Faithfulness = options.Faithful, Subsets = Subsets };
        return new HeatmapContest(best, chosenOn, scoredOn, first, Score(model, scoring, methods, "scoring", second, thorough, progress, stop),
            [.. asked.Except(entrants).Select(method => method.Name)]);
    }

    // Scored beside the best one in the demo: they cost a pass or two.
    private static readonly string[] Shown = ["attention", "rollout", "grad-cam", "gradient-x-input"];

    private static List<ContestTable> Score(HookedModel model, IReadOnlyList<ContestQuestion> questions, List<AttributionMethod> methods, string doing,
        double passTime, JudgeOptions judging, IProgress<string> progress, CancellationToken stop)
    {
        var (all, layout) = (questions.Sum(question => question.Pictures.Count), model.LayoutOf(questions[0].Pictures[0].Pixels.unsqueeze(0))!);
        var seconds = passTime * all * methods.Sum(method => method.Passes(layout, judging.Attribution) + judging.Passes(layout));
        progress.Report(string.Create(CultureInfo.InvariantCulture, $"{doing}: {methods.Count} methods on {all} questions, about {Math.Ceiling(seconds):f0} s"));
        var scores = questions.Select(_ => new List<MethodScore>()).ToList();
        foreach (var method in methods)
        {
            var clock = Stopwatch.StartNew();
            for (var k = 0; k < questions.Count; k++) scores[k].AddRange(Judge.Score(model, questions[k].Pictures, [method], judging, stop: stop));
            progress.Report(string.Create(CultureInfo.InvariantCulture, $"{doing}: {method.Name} took {clock.Elapsed.TotalSeconds:f1} s"));
        }
        var tables = questions.Select((question, k) => new ContestTable(question.Name, question.Meaning, question.Pictures.Count, scores[k])).ToList();
        tables.Add(Together(OfChosen, "right and misclassified together", tables.Where((_, k) => questions[k].OfChosen)));
        tables.Add(Together("all", "every question of every kind", tables.Take(questions.Count)));
        return tables;
    }

    private static ContestTable Together(string name, string meaning, IEnumerable<ContestTable> tables)
    {
        var parts = tables.ToList();
        return new ContestTable(name, meaning, parts.Sum(part => part.Questions),
            [.. parts.SelectMany(part => part.Scores).GroupBy(score => score.Method).Select(scores => MethodScore.Together([.. scores]))]);
    }

    // Seconds of a plain pass per picture of a full batch, for the estimates.
    private static double PassTime(HookedModel model, JudgedPicture picture)
    {
        using var scope = NewDisposeScope();
        var batch = picture.Pixels.unsqueeze(0).expand(Batch, -1, -1, -1).contiguous();
        model.Run(batch).Dispose();
        var clock = Stopwatch.StartNew();
        model.Run(batch).Dispose();
        return clock.Elapsed.TotalSeconds / Batch;
    }
}
