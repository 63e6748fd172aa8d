using System.CommandLine;
using System.Globalization;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>Shows what the product does on painted pictures, on weights that come with it.</summary>
internal sealed class DemoDiffusionCommand : Verb
{
    private const int Prompts = 60;

    internal override string Name => "demo diffusion";

    internal override string Description =>
        "Paints captions with a small text-to-image model, changes features of its sparse autoencoders, and measures how often that does what it claims.\n"
        + "Example: prisma demo diffusion --prompts 200 --out demo-diffusion";

    internal override void Fill(Command command, Terminal terminal)
    {
        var output = new Option<string>("--out") { HelpName = "FOLDER", DefaultValueFactory = _ => "demo-diffusion", Description = "Where to write; files of an earlier report are replaced" };
        command.Options.Add(output);
        var prompts = Common.Count(command, "--prompts", Prompts, "Captions on which the switches are judged");
        var threads = Common.Threads(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            using var demo = new DemoDiffusionReport(DemoCommand.Progress(terminal));
            var made = demo.Write(parsed.GetValue(output)!, parsed.GetValue(prompts));
            terminal.Table(["trait", "painted", "switched", "others kept", "random: switched", "random: others kept"], made.Scores.Select(IReadOnlyList<string> (score) =>
                [score.Trait.ToString().ToLowerInvariant(), Percent(score.Painted(score.Trait)), Percent(score.Reached), Percent(score.Kept), Percent(score.RandomReached), Percent(score.RandomKept)]));
            terminal.Line($"Unchanged pictures that show what their caption says: {string.Join(", ", PictureTraits.All.Select(trait => $"{trait.ToString().ToLowerInvariant()} {Percent(made.Scores[0].Painted(trait))}"))}.");
            terminal.Line($"Open {Path.GetFullPath(made.Files[0])} in a browser. Its sheets are beside it:");
            foreach (var file in made.Files.Skip(1)) terminal.Line($"  {file}");
            return ExitCode.Good;
        });
    }

    private static string Percent(double share) => (100 * share).ToString("F1", CultureInfo.InvariantCulture) + " %";
}
