using System.CommandLine;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>Makes the demo's video transformer and its sparse autoencoder anew.</summary>
internal sealed class DemoTrainVideoCommand : Verb
{
    internal override string Name => "demo train video";

    internal override string Description =>
        "Trains the demo's video transformer on freshly drawn clips and a sparse autoencoder on one of its layers, measures both, and saves them.\n"
        + "Example: prisma demo train video --out my-video";

    internal override void Fill(Command command, Terminal terminal)
    {
        var defaults = new DemoVideoOptions();
        var output = Common.Out(command, "The folder for 'video' and 'video-sae'; default: the demo's own, whose files are replaced", required: false);
        var steps = Common.Count(command, "--steps", defaults.Steps, "Training steps of the transformer");
        var saeSteps = Common.Count(command, "--sae-steps", DemoVideo.SaeOptions.Steps, "Training steps of the sparse autoencoder");
        var seed = new Option<long>("--seed") { HelpName = "N", DefaultValueFactory = _ => defaults.Seed, Description = "Seed of the initial weights" };
        var onlySae = new Option<bool>("--only-sae") { Description = "Keep the transformer in the folder and train the sparse autoencoder alone" };
        command.Options.Add(seed);
        command.Options.Add(onlySae);
        command.SetAction(parsed =>
        {
            var folder = parsed.GetValue(output) ?? DemoWeights.Folder;
            var kept = Path.Combine(folder, "video");
            using var model = parsed.GetValue(onlySae) ? Models.Load(kept) : null;
            using var trained = model is null ? Trained(defaults with { Steps = parsed.GetValue(steps), Seed = parsed.GetValue(seed) }, kept, terminal) : null;
            using var coder = DemoVideo.TrainSae(model ?? trained!.Model, DemoVideo.SaeOptions with { Steps = parsed.GetValue(saeSteps) }, new TrainConsole(terminal));
            coder.Save(Path.Combine(folder, "video-sae"));
            terminal.Table(["tokens", "vectors", "explained variance", "L0"], coder.Fidelity.Rows.Select(IReadOnlyList<string> (row) =>
                [row.Tokens, row.Count.ToString(), row.ExplainedVariance.ToString("P1"), row.L0.ToString("F1")]));
            terminal.Line(folder);
            return ExitCode.Good;
        });
    }

    private static TrainedVideo Trained(DemoVideoOptions options, string folder, Terminal terminal)
    {
        var trained = DemoVideo.Train(options, new Reports<TrainingProgress>(now =>
        {
            if (now.Step % 50 != 0 && now.Step != now.Steps) return;
            terminal.Remark($"step {now.Step} of {now.Steps}: loss {now.Loss:F3}, right {now.Accuracy:P1}, {now.Remaining:h\\:mm\\:ss} left");
        }));
        trained.Save(folder);
        terminal.Line($"names {trained.Accuracy:P1} of {options.HeldOut} held-out clips");
        return trained;
    }
}
