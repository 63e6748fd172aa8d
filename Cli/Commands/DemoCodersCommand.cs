using System.CommandLine;
using Prisma.Core;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>The table of all architectures of sparse coders on the demo's model.</summary>
internal sealed class DemoCodersCommand : Verb
{
    internal override string Name => "demo coders";

    internal override string Description =>
        "Trains every architecture of sparse coders on the same tokens of the demo's model, equally many steps each, and measures them on held-out scenes. Each has one setting; penalties are not tuned.\n"
        + "Example: prisma demo coders --steps 400 --only topk standard";

    internal override void Fill(Command command, Terminal terminal)
    {
        var defaults = new CoderContestOptions();
        var model = Common.Model(command, required: false);
        var layer = new Option<int>("--layer") { HelpName = "N", DefaultValueFactory = _ => defaults.Layer, Description = "The block whose output is read" };
        command.Options.Add(layer);
        var features = Common.Count(command, "--features", defaults.Features, "Features of every coder");
        var k = Common.Count(command, "--k", defaults.K, "Active features per token, where an architecture can be told");
        var steps = Common.Count(command, "--steps", defaults.Steps, "Steps of every coder");
        var scenes = Common.Count(command, "--scenes", defaults.ScenesPerStep, "Scenes per step");
        var training = Common.Count(command, "--training-scenes", defaults.TrainingScenes, "Scenes that are trained on");
        var heldOut = Common.Count(command, "--held-out", defaults.HeldOut, "Scenes that are measured on");
        var only = new Option<string[]>("--only") { HelpName = "NAME", AllowMultipleArgumentsPerToken = true, Description = "Only these entries" };
        command.Options.Add(only);
        var seed = Common.Seed(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var options = defaults with
            {
                Layer = parsed.GetValue(layer),
                Features = parsed.GetValue(features),
                K = parsed.GetValue(k),
                Steps = parsed.GetValue(steps),
                ScenesPerStep = parsed.GetValue(scenes),
                TrainingScenes = parsed.GetValue(training),
                HeldOut = parsed.GetValue(heldOut),
                Seed = parsed.GetValue(seed),
                Only = parsed.GetValue(only) is { Length: > 0 } wanted ? wanted : null,
            };
            using var vit = Models.Load(parsed.GetValue(model) is { } named ? Named.Folder(named, terminal) : DemoWeights.Vit);
            var rows = new List<CoderContestRow>();
            foreach (var row in CoderContest.Run(vit, options))
            {
                terminal.Remark($"{row.Name}: explains {row.ExplainedVariance:P1} with {row.L0:f1} features, {row.Seconds:f1} s");
                rows.Add(row);
            }
            if (parsed.GetValue(json)) terminal.Json(rows);
            else
                terminal.Table(["architecture", "L0", "explained variance", "dead", "loss recovered", "seconds"], rows.Select(IReadOnlyList<string> (row) =>
                    [row.Name, $"{row.L0:f1}", $"{row.ExplainedVariance:f4}", $"{row.Dead:P1}", $"{row.LossRecovered:P1}", $"{row.Seconds:f1}"]));
            return ExitCode.Good;
        });
    }
}
