using System.CommandLine;
using Prisma.Demo;
using Prisma.Diffusion;

namespace Prisma.Cli.Commands;

/// <summary>Makes the demo's text-to-image model anew, with the judge of its pictures and its sparse autoencoders.</summary>
internal sealed class DemoTrainDiffusionCommand : Verb
{
    internal override string Name => "demo train diffusion";

    internal override string Description =>
        "Trains the demo's text-to-image model on captioned pictures that it draws, a classifier that judges what it paints, and sparse autoencoders on four of its blocks.\n"
        + "Example: prisma demo train diffusion --out my-painter";

    internal override void Fill(Command command, Terminal terminal)
    {
        var defaults = new DemoPainterOptions();
        var output = Common.Out(command, "The folder for 'painter', 'judge' and 'painter-sae'; default: the demo's own, whose files are replaced", required: false);
        var vaeSteps = Common.Count(command, "--vae-steps", defaults.VaeSteps, "Training steps of the autoencoder");
        var steps = Common.Count(command, "--steps", defaults.Steps, "Training steps of the U-net");
        var saeSteps = Common.Count(command, "--sae-steps", new PainterSaeOptions().Steps, "Training steps of the sparse autoencoders");
        var only = new Option<string>("--only") { HelpName = "painter|judge|sae|all", DefaultValueFactory = _ => "all", Description = "Which part to make anew; the others are taken from the folder" };
        only.AcceptOnlyFromAmong("painter", "judge", "sae", "all");
        command.Options.Add(only);
        var more = new Option<bool>("--more") { Description = "Go on from the painter in the folder, with its autoencoder as it is" };
        command.Options.Add(more);
        command.SetAction(parsed =>
        {
            var folder = parsed.GetValue(output) ?? DemoWeights.Folder;
            var options = defaults with { VaeSteps = parsed.GetValue(vaeSteps), Steps = parsed.GetValue(steps) };
            bool Makes(string part) => parsed.GetValue(only) is { } chosen && (chosen == part || chosen == "all");
            if (Makes("painter"))
            {
                using var trained = DemoPainter.Train(options, Steps(terminal, "autoencoder"), Steps(terminal, "U-net"), parsed.GetValue(more) ? Path.Combine(folder, "painter") : null);
                trained.Save(Path.Combine(folder, "painter"));
            }
            if (Makes("judge"))
            {
                using var judge = PictureJudge.Train(Steps(terminal, "judge"));
                judge.Save(Path.Combine(folder, "judge"));
                terminal.Table(["trait", "named on held-out drawn pictures"], judge.Accuracy().Select(IReadOnlyList<string> (pair) => [pair.Key.ToString().ToLowerInvariant(), pair.Value.ToString("P1")]));
            }
            if (Makes("sae")) TrainSaes(folder, new PainterSaeOptions { Steps = parsed.GetValue(saeSteps) }, terminal);
            terminal.Line(folder);
            return ExitCode.Good;
        });
    }

    private static void TrainSaes(string folder, PainterSaeOptions options, Terminal terminal)
    {
        using var painter = TextToImage.Open(Path.Combine(folder, "painter"));
        var coders = PainterSaes.Train(painter, options, new TrainConsole(terminal));
        foreach (var coder in coders) coder.Save(Path.Combine(folder, "painter-sae"));
        terminal.Table(["place", "explained variance", "L0", "dead"], coders.Select(IReadOnlyList<string> (coder) =>
            [coder.Site.ToString(), coder.Fidelity["all"].ExplainedVariance.ToString("P1"), coder.Fidelity["all"].L0.ToString("F1"), (coder.Fidelity.DeadFeatures / (double)coder.Fidelity.Features).ToString("P1")]));
        foreach (var coder in coders) coder.Dispose();
    }

    private static Reports<TrainingProgress> Steps(Terminal terminal, string part) => new(now =>
    {
        if (now.Step % 50 == 0 || now.Step == now.Steps) terminal.Remark($"{part}, step {now.Step} of {now.Steps}: loss {now.Loss:F4}, right {now.Accuracy:P1}, {now.Remaining:h\\:mm\\:ss} left");
    });
}
