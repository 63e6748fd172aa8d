using System.CommandLine;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli.Commands;

/// <summary>Writes a sparse coder in another library's layout.</summary>
internal sealed class SaeConvertCommand : Verb
{
    internal override string Name => "sae convert";

    internal override string Description =>
        "Reads a sparse coder of any known format and writes it in another layout; says why where the layout cannot say the coder.\n"
        + $"Layouts: {string.Join(", ", CoderWriters.All.Select(writer => writer.Name))}.\n"
        + "Example: prisma sae convert weights/demo/sae converted --to saelens";

    internal override void Fill(Command command, Terminal terminal)
    {
        var from = new Argument<string>("coder") { HelpName = "PATH_OR_ID", Description = Named.Coder };
        var to = new Argument<string>("folder") { HelpName = "FOLDER", Description = "Where to write; made where it is missing" };
        command.Arguments.Add(from);
        command.Arguments.Add(to);
        var layout = new Option<string>("--to") { Required = true, HelpName = "LAYOUT", Description = "Whose layout to write" };
        command.Options.Add(layout);
        var options = new SaeOptions(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            var card = SaeConvert.Run(
                Named.CoderPath(parsed.GetValue(from)!, terminal), parsed.GetValue(to)!, parsed.GetValue(layout)!, options.Read(parsed), Common.Existing(parsed.GetValue(force)));
            SaeOptions.Describe(card, terminal);
            terminal.Remark($"Wrote {parsed.GetValue(to)} as {parsed.GetValue(layout)}.");
            return ExitCode.Good;
        });
    }
}
