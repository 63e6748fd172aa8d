using System.CommandLine;
using Prisma.Circuits;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>The table of heatmap methods on drawn scenes.</summary>
internal sealed class DemoScoreCommand : Verb
{
    internal override string Name => "demo score";

    internal override string Description =>
        "Scores heatmap methods on drawn scenes whose objects are known, misclassified ones among them, beside baselines that know nothing.\nExample: prisma demo score --scenes 200";

    internal override void Fill(Command command, Terminal terminal)
    {
        var defaults = new DemoOptions();
        var scenes = new Option<int>("--scenes") { DefaultValueFactory = _ => defaults.Scoring, Description = "Scenes to score on" };
        var choosing = new Option<int>("--choose-on") { DefaultValueFactory = _ => defaults.Choosing, Description = "Other scenes on which the best method is chosen" };
        var wrong = new Option<int?>("--misclassified") { Description = "How many of the scenes the model gets wrong; a tenth of them where not given" };
        var passes = new Option<int>("--passes") { DefaultValueFactory = _ => defaults.MostPasses, Description = "Leaves out methods that take more passes than this for a picture; a gradient counts as three" };
        var methods = new Option<string[]>("--method") { HelpName = "NAME", Description = "Only these methods (repeatable)" };
        foreach (var option in new Option[] { scenes, choosing, wrong, passes, methods }) command.Options.Add(option);
        var json = Common.Json(command);
        var threads = Common.Threads(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var (scored, chosen) = (parsed.GetValue(scenes), parsed.GetValue(choosing));
            var options = defaults with
            {
                Scoring = scored,
                ScoringWrong = parsed.GetValue(wrong) ?? scored / 10,
                Choosing = chosen,
                ChoosingWrong = chosen / 10,
                MostPasses = parsed.GetValue(passes),
                Methods = parsed.GetValue(methods) is { Length: > 0 } named ? named : null,
            };
            using var demo = new DemoReport(options, DemoCommand.Progress(terminal));
            var contest = demo.Contest();
            if (parsed.GetValue(json)) terminal.Json(Summary(contest));
            else Print(terminal, contest, options);
            return ExitCode.Good;
        });
    }

    private static object Summary(HeatmapContest contest) => new
    {
        contest.Best,
        contest.BestOverAll,
        scenes = contest.ScoredOn.Scenes.Count,
        misclassified = contest.ScoredOn.Wrong,
        looked_through = contest.ScoredOn.Drawn,
        chosen_on = contest.ChosenOn.Scenes.Count,
        chosen_on_misclassified = contest.ChosenOn.Wrong,
        left_out = contest.LeftOut,
        choosing = contest.Choosing,
        tables = contest.Tables,
    };

    private static void Print(Terminal terminal, HeatmapContest contest, DemoOptions options)
    {
        var (scored, chosen) = (contest.ScoredOn, contest.ChosenOn);
        terminal.Line($"{scored.Scenes.Count} scenes with at least two shapes, {scored.Wrong} of them misclassified (the first of each kind among {scored.Drawn} drawn). "
            + $"'{contest.Best}' was chosen on {chosen.Scenes.Count} other scenes, {chosen.Wrong} of them misclassified, over the questions about the chosen class; contrasts included, it would have been '{contest.BestOverAll}'.");
        if (contest.LeftOut.Count > 0)
            terminal.Line($"Left out, because they take more than {options.MostPasses} passes for a picture: {string.Join(", ", contest.LeftOut)}. --passes lets them in, with {options.Steps} steps and {options.Samples} samples.");
        foreach (var table in contest.Tables)
            terminal.Line($"\n{table.Question}, {table.Questions} questions: {table.Meaning}\n{Judge.Table(table.Scores).TrimEnd()}");
    }
}
