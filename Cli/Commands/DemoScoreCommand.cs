using System.CommandLine;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>The table of heatmap methods on drawn scenes.</summary>
internal sealed class DemoScoreCommand : Verb
{
    internal override string Name => "demo score";

    internal override string Description =>
        "Scores heatmap methods on drawn scenes whose objects are known, misclassified ones among them, beside baselines that know nothing.\nExample: prisma demo score --scenes 200\nExample: prisma demo score --scenes 500 --all --out attribution.md";

    internal override void Fill(Command command, Terminal terminal)
    {
        var defaults = new DemoOptions();
        var scenes = new Option<int>("--scenes") { DefaultValueFactory = _ => defaults.Scoring, Description = "Scenes to score on" };
        var choosing = new Option<int>("--choose-on") { DefaultValueFactory = _ => defaults.Choosing, Description = "Other scenes on which the best method is chosen" };
        var wrong = new Option<int?>("--misclassified") { Description = "How many of the scenes the model gets wrong; a tenth of them where not given" };
        var passes = new Option<int>("--passes") { DefaultValueFactory = _ => defaults.MostPasses, Description = "Leaves out methods that take more passes than this for a picture; a gradient counts as three" };
        var methods = new Option<string[]>("--method") { HelpName = "NAME", Description = "Only these methods (repeatable)" };
        foreach (var option in new Option[] { scenes, choosing, wrong, passes, methods }) command.Options.Add(option);
        var faithful = new Option<bool>("--faithful") { Description = "Also what the model answers without the patches that a map names: deletion, insertion, ROAD, comprehensiveness, sufficiency, sensitivity-n (take few scenes)" };
        command.Options.Add(faithful);
        var all = new Option<bool>("--all") { Description = "Every method, slow ones and those on the demo's sparse autoencoder too, on scenes as they come, with the randomisation check" };
        command.Options.Add(all);
        var output = new Option<string?>("--out") { HelpName = "FILE", Description = "With --all: write the table as a Markdown page" };
        command.Options.Add(output);
        var force = Common.Force(command);
        var json = Common.Json(command);
        var threads = Common.Threads(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            if (parsed.GetValue(all))
            {
                if (parsed.GetValue(faithful)) throw new OptionsException("--faithful belongs to the contest, not to the study of --all; name one of them.");
                string? file = parsed.GetValue(output);
                if (file is not null) AtomicFile.CheckTarget(file, Common.Existing(parsed.GetValue(force)));
                var sizes = new AttributionStudyOptions { Scenes = parsed.GetValue(scenes) };
                if (parsed.GetResult(choosing) is { Implicit: false }) sizes = sizes with { Choosing = parsed.GetValue(choosing) };
                Study(terminal, sizes, parsed.GetValue(methods)!, file, Common.Existing(parsed.GetValue(force)), parsed.GetValue(json));
                return ExitCode.Good;
            }
            if (parsed.GetValue(output) is not null) throw new OptionsException("--out writes the page of --all; name both.");
            var (scored, chosen) = (parsed.GetValue(scenes), parsed.GetValue(choosing));
            var options = defaults with
            {
                Scoring = scored,
                ScoringWrong = parsed.GetValue(wrong) ?? scored / 10,
                Choosing = chosen,
                ChoosingWrong = chosen / 10,
                MostPasses = parsed.GetValue(passes),
                Faithful = parsed.GetValue(faithful),
                Methods = parsed.GetValue(methods) is { Length: > 0 } named ? named : null,
            };
            using var demo = new DemoReport(options, DemoCommand.Progress(terminal));
            var contest = demo.Contest();
            if (parsed.GetValue(json)) terminal.Json(Summary(contest));
            else Print(terminal, contest, options);
            return ExitCode.Good;
        });
    }

    private static void Study(Terminal terminal, AttributionStudyOptions sizes, string[] named, string? file, ExistingFile existing, bool json)
    {
        using var coder = Coders.Load(DemoWeights.Sae);
        AttributionMethod[] all = [.. AttributionMethod.All.Where(method => !method.IsBaseline), new FeatureGradient(coder), .. AttributionMethod.All.Where(method => method.IsBaseline)];
        AttributionMethod[] methods = named.Length == 0 ? all : [.. named.Select(name => all.FirstOrDefault(method => method.Name == name) ?? AttributionMethod.Named(name))];
        var study = AttributionStudy.Run(() => Models.Load(DemoWeights.Vit), methods, sizes, DemoCommand.Progress(terminal));
        var page = AttributionStudyPage.Of(study, $"./prisma demo score --scenes {sizes.Scenes} --all");
        if (file is not null) AtomicFile.WriteText(file, page, existing);
        if (json) terminal.Json(study);
        else terminal.Line(file ?? page);
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
