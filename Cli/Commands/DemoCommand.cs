using System.CommandLine;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>Shows what the product does, on weights that come with it.</summary>
internal sealed class DemoCommand : Verb
{
    internal override string Name => "demo";

    internal override string Description =>
        "Explains a small trained vision transformer on drawn scenes and writes a report with pictures.\nExample: prisma demo --out demo-report";

    internal override void Fill(Command command, Terminal terminal)
    {
        var output = new Option<string>("--out") { HelpName = "FOLDER", DefaultValueFactory = _ => "demo-report", Description = "Where to write; files of an earlier report are replaced" };
        command.Options.Add(output);
        var threads = Common.Threads(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            using var demo = new DemoReport(new DemoOptions(), Progress(terminal));
            var files = demo.Write(parsed.GetValue(output)!);
            terminal.Line($"Open {Path.GetFullPath(files[0])} in a browser. Its pictures are beside it:");
            foreach (var file in files.Skip(1)) terminal.Line($"  {file}");
            return ExitCode.Good;
        });
    }

    internal static Reports<string> Progress(Terminal terminal)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        return new Reports<string>(what => terminal.Remark($"[{clock.Elapsed.TotalSeconds,5:f1} s] {what} …"));
    }
}
