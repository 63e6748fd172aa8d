using System.CommandLine;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>The table of heatmap methods on drawn scenes.</summary>
internal sealed class DemoScoreCommand : Verb
{
    internal override string Name => "demo score";

    internal override string Description =>
        "Scores every heatmap method on drawn scenes whose objects are known, beside baselines that know nothing.\nExample: prisma demo score --scenes 200";

    internal override void Fill(Command command, Terminal terminal)
    {
        var scenes = new Option<int>("--scenes") { DefaultValueFactory = _ => new DemoOptions().Scoring, Description = "Scenes to score on" };
        var choosing = new Option<int>("--choose-on") { DefaultValueFactory = _ => new DemoOptions().Choosing, Description = "Other scenes on which the best method is chosen" };
        command.Options.Add(scenes);
        command.Options.Add(choosing);
        var threads = Common.Threads(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            using var demo = new DemoReport(new DemoOptions { Scoring = parsed.GetValue(scenes), Choosing = parsed.GetValue(choosing) }, DemoCommand.Progress(terminal));
            terminal.Line(demo.Table());
            return ExitCode.Good;
        });
    }
}
