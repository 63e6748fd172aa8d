using System.CommandLine;

namespace Prisma.Cli.Commands;

/// <summary>Lists the places of a model.</summary>
internal sealed class SitesCommand : Verb
{
    internal override string Name => "sites";

    internal override string Description =>
        "Lists every place of a model that can be read or edited, in forward order.\nExample: prisma sites --model weights/demo/vit --match '*.attn.*'";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var family = Common.Family(command);
        var match = new Option<string>("--match") { HelpName = "GLOB", DefaultValueFactory = _ => "*", Description = "Only places whose names fit; * crosses dots" };
        command.Options.Add(match);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            using var loaded = Models.Load(Named.Folder(parsed.GetValue(model)!, terminal), parsed.GetValue(family));
            var glob = parsed.GetValue(match)!;
            var rows = loaded.Points.Where(point => Core.Glob.Matches(glob, point.Site.ToString()))
                .Select(point => (Name: point.Site.ToString(), Axes: string.Join(", ", point.Kind.Axes), point.OnDemand)).ToList();
            if (rows.Count == 0)
                throw new Core.SiteNotFoundException($"No place fits '{glob}'. Nearest: {string.Join(", ", Core.NearestNames.Of(glob, loaded.Points.Select(point => point.Site.ToString())))}.");
            if (parsed.GetValue(json))
                terminal.Json(rows.Select(row => new { row.Name, row.Axes, row.OnDemand }));
            else
                terminal.Table(["place", "axes", "computed"], rows.Select(row => new[] { row.Name, row.Axes, row.OnDemand ? "when asked for" : "always" }));
            return ExitCode.Good;
        });
    }
}
