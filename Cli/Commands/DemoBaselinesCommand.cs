using System.CommandLine;
using Prisma.Demo;

namespace Prisma.Cli.Commands;

/// <summary>Shows that the demo's scenes cannot be read without seeing shapes.</summary>
internal sealed class DemoBaselinesCommand : Verb
{
    internal override string Name => "demo baselines";

    internal override string Description =>
        "Trains a linear probe on pixels and a colour-histogram classifier on the demo's scenes and prints their accuracy beside the demo model's.\n"
        + "Example: prisma demo baselines";

    internal override void Fill(Command command, Terminal terminal)
    {
        var scenes = new Option<int>("--scenes") { HelpName = "N", DefaultValueFactory = _ => 5000, Description = "Held-out scenes" };
        command.Options.Add(scenes);
        var json = Common.Json(command);
        command.SetAction(parsed =>
        {
            var heldOut = parsed.GetValue(scenes);
            if (heldOut < 1) throw new Core.OptionsException($"--scenes {heldOut}: give a positive number.");
            using var model = Models.Load(DemoWeights.Vit);
            terminal.Remark($"naming the shapes of {heldOut} scenes …");
            var accuracy = DemoVit.Accuracy(model, heldOut);
            var tenth = 0;
            var baselines = Baselines.Measure(heldOut: heldOut, progress: new Reports<double>(done =>
            {
                if ((int)(10 * done) <= tenth) return;
                tenth = (int)(10 * done);
                terminal.Remark($"training the baselines: {done:P0}");
            }));
            if (parsed.GetValue(json)) terminal.Json(new { accuracy, baselines });
            else Print(terminal, accuracy, baselines);
            return ExitCode.Good;
        });
    }

    internal static void Print(Terminal terminal, double accuracy, BaselineReport baselines) => terminal.Table(
        [$"on {baselines.HeldOutScenes} held-out scenes", "accuracy"],
        [
            ["the demo's vision transformer", $"{accuracy:P1}"],
            ["linear probe on pixels", $"{baselines.PixelProbe:P1}"],
            ["colour-histogram classifier", $"{baselines.ColourHistogram:P1}"],
            ["always the most frequent class", $"{baselines.MostFrequent:P1}"],
        ]);
}
