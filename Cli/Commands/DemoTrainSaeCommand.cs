using System.CommandLine;
using Prisma.Demo;
using Prisma.Sae;

namespace Prisma.Cli.Commands;

/// <summary>Makes the demo's sparse autoencoder anew.</summary>
internal sealed class DemoTrainSaeCommand : Verb
{
    internal override string Name => "demo train sae";

    internal override string Description =>
        "Trains the demo's sparse autoencoder on one layer of the demo's vision transformer, measures it on held-out scenes, and saves it.\n"
        + "Example: prisma demo train sae --layer 4 --out my-sae";

    internal override void Fill(Command command, Terminal terminal)
    {
        var defaults = new DemoSaeOptions();
        var model = Common.Model(command, required: false);
        var output = Common.Out(command, "The folder for the coder; default: the demo's own, whose files are replaced", required: false);
        var layer = new Option<int>("--layer") { HelpName = "N", DefaultValueFactory = _ => defaults.Layer, Description = "The block whose output it reads" };
        var features = new Option<int>("--features") { HelpName = "N", DefaultValueFactory = _ => defaults.Features, Description = "Features" };
        var k = new Option<int>("--k") { HelpName = "N", DefaultValueFactory = _ => defaults.K, Description = "Active features per token" };
        var steps = new Option<int>("--steps") { HelpName = "N", DefaultValueFactory = _ => defaults.Steps, Description = "Training steps" };
        var seed = new Option<long>("--seed") { HelpName = "N", DefaultValueFactory = _ => defaults.Seed, Description = "Seed of weights and data order" };
        foreach (var option in new Option[] { layer, features, k, steps, seed }) command.Options.Add(option);
        var threads = Common.Threads(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var folder = parsed.GetValue(output) ?? Path.Combine(DemoWeights.Folder, "sae");
            var options = defaults with
            {
                Layer = parsed.GetValue(layer),
                Features = parsed.GetValue(features),
                K = parsed.GetValue(k),
                Steps = parsed.GetValue(steps),
                Seed = parsed.GetValue(seed),
            };
            using var vit = Models.Load(parsed.GetValue(model) ?? DemoWeights.Vit);
            terminal.Remark($"reading the tokens of {options.TrainingScenes} scenes …");
            using var trained = DemoSae.Train(vit, options, new TrainConsole(terminal));
            trained.Save(folder);
            terminal.Table(["tokens", "vectors", "explained variance", "L0"], trained.Fidelity.Rows.Select(IReadOnlyList<string> (row) =>
                [row.Tokens, row.Count.ToString(), row.ExplainedVariance.ToString("P1"), row.L0.ToString("F1")]));
            terminal.Line($"{trained.Fidelity.DeadFeatures} of {trained.Fidelity.Features} features ({trained.DeadShare:P1}) never fire on held-out scenes");
            terminal.Line(folder);
            return ExitCode.Good;
        });
    }
}
