using System.CommandLine;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>Makes the demo's vision transformer anew.</summary>
internal sealed class DemoTrainVitCommand : Verb
{
    internal override string Name => "demo train vit";

    internal override string Description =>
        "Trains the demo's vision transformer on freshly drawn scenes (20 minutes on two cores), measures it beside two baselines, and saves it.\n"
        + "Example: prisma demo train vit --out my-vit";

    internal override void Fill(Command command, Terminal terminal)
    {
        var output = Common.Out(command, "The folder for the checkpoint; default: the demo's own, whose files are replaced", required: false);
        var steps = new Option<int>("--steps") { HelpName = "N", DefaultValueFactory = _ => new DemoVitOptions().Steps, Description = "Training steps" };
        var seed = new Option<long>("--seed") { HelpName = "N", DefaultValueFactory = _ => new DemoVitOptions().Seed, Description = "Seed of the initial weights" };
        command.Options.Add(steps);
        command.Options.Add(seed);
        command.SetAction(parsed =>
        {
            var folder = parsed.GetValue(output) ?? Path.Combine(DemoWeights.Folder, "vit");
            var options = new DemoVitOptions { Steps = parsed.GetValue(steps), Seed = parsed.GetValue(seed) };
            using var trained = DemoVit.Train(options, new Reports<TrainingProgress>(now =>
            {
                if (now.Step % 50 != 0 && now.Step != now.Steps) return;
                terminal.Remark($"step {now.Step} of {now.Steps}: loss {now.Loss:F3}, right {now.Accuracy:P1}, {now.Remaining:h\\:mm\\:ss} left");
            }));
            terminal.Remark("measuring the baselines …");
            var baselines = Baselines.Measure(heldOut: options.HeldOut);
            trained.Save(folder, baselines);
            DemoBaselinesCommand.Print(terminal, trained.Accuracy, baselines);
            terminal.Line(folder);
            return ExitCode.Good;
        });
    }
}
