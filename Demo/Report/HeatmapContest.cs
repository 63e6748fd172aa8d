using Prisma.Circuits;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Demo;

/// <summary>Which heatmap method lies best on the marked object: chosen on some scenes, scored on others.</summary>
/// <param name="Best">The method chosen on the choosing scenes.</param>
/// <param name="Scores">Methods and baselines on the scoring scenes.</param>
/// <param name="Misclassified">How many of the scoring scenes the model gets wrong; they count like all others.</param>
public sealed record HeatmapContest(string Best, IReadOnlyList<MethodScore> Scores, int Misclassified)
{
    /// <summary>The chosen method's score.</summary>
    public MethodScore Winner => Scores.Single(score => score.Method == Best);

    /// <summary>Chooses and scores.</summary>
    public static HeatmapContest Run(HookedModel model, DemoOptions options, IProgress<string> progress, CancellationToken stop = default)
    {
        using var scope = NewDisposeScope();
        var judging = new JudgeOptions { Attribution = new AttributionOptions { Steps = options.Steps } };
        progress.Report($"choosing a heatmap method on {options.Choosing} scenes");
        var choosing = JudgedScenes.ForJudging(JudgedScenes.Draw(SceneSplit.Choosing, options.Choosing));
        var first = Judge.Score(model, choosing, options: judging, stop: stop);
        var best = Judge.Best([.. first.Where(score => score.Method != Attention)]).Method;
        progress.Report($"scoring {best} and others on {options.Scoring} other scenes");
        var scenes = JudgedScenes.Draw(SceneSplit.Scoring, options.Scoring);
        var methods = AttributionMethod.All.Where(method => first.Any(score => score.Method == method.Name)
            && (options.EveryMethod || method.Name == best || method.IsBaseline || Shown.Contains(method.Name))).ToList();
        var scores = Judge.Score(model, JudgedScenes.ForJudging(scenes), methods, judging, stop: stop);
        return new HeatmapContest(best, scores, Wrong(model, scenes));
    }

    // Raw attention asks for no target, so it cannot explain an answer: it is what the chosen method is held against.
    private const string Attention = "attention";

    // Scored beside the best one in the demo: they cost a pass or two.
    private static readonly string[] Shown = [Attention, "rollout", "grad-cam", "gradient-x-input"];

    private static int Wrong(HookedModel model, IReadOnlyList<Scene> scenes)
    {
        using var scope = NewDisposeScope();
        var labels = scenes.Select(scene => (long)scene.Label).ToArray();
        return scenes.Count - (int)model.Run(JudgedScenes.Pixels(scenes)).argmax(1).eq(tensor(labels)).sum().item<long>();
    }
}
