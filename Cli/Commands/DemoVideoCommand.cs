using System.CommandLine;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>Shows what the product does on moving pictures, on weights that come with it.</summary>
internal sealed class DemoVideoCommand : Verb
{
    internal override string Name => "demo video";

    internal override string Description =>
        "Explains a small trained video transformer on drawn clips: features such as 'moves left' as videos, sheets and a report.\nExample: prisma demo video --out demo-video";

    internal override void Fill(Command command, Terminal terminal)
    {
        var output = new Option<string>("--out") { HelpName = "FOLDER", DefaultValueFactory = _ => "demo-video", Description = "Where to write; files of an earlier report are replaced" };
        command.Options.Add(output);
        var threads = Common.Threads(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            using var demo = new DemoVideoReport(DemoCommand.Progress(terminal));
            var files = demo.Write(parsed.GetValue(output)!);
            terminal.Line($"Open {Path.GetFullPath(files[0])} in a browser. Its pictures and videos are beside it:");
            foreach (var file in files.Skip(1)) terminal.Line($"  {file}");
            return ExitCode.Good;
        });
    }
}
