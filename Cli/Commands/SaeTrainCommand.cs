using System.CommandLine;
using System.Text.Json.Nodes;
using Prisma.Circuits;
using Prisma.Core;
using Prisma.Sae;

namespace Prisma.Cli.Commands;

/// <summary>Trains sparse coders; a run that was stopped or killed goes on with the same command.</summary>
internal sealed class SaeTrainCommand : Verb
{
    internal override string Name => "sae train";

    internal override string Description =>
        "Trains sparse coders on stored activations or straight from a model. Stopped or killed, the same command goes on.\n"
        + $"Presets: {string.Join(", ", Presets.All.Keys)}.\n"
        + "The folder gets log.jsonl, checkpoint.safetensors, report.html (curves) and a folder per coder. Ctrl-C ends after a checkpoint.\n"
        + "In --config a coder may have 'sweep': {\"options.k\": [16, 32], \"seed\": [0, 1]} makes a coder of each combination, all over one pass.\n"
        + "Example: prisma sae train --data acts --hook blocks.4.hook_resid_post --arch topk --k 32 --expansion 8 --steps 2000 --out run";

    internal override void Fill(Command command, Terminal terminal)
    {
        var config = new Option<string?>("--config") { HelpName = "FILE", Description = "A run as JSON: steps, batch_rows, seed, coders [{name, preset, reads, writes, gradients, features, seed, sweep, options, …}]" };
        var data = new Option<string?>("--data") { HelpName = "FOLDER|FILE", Description = "Harvested shards, or a file with matrices [rows, d] (with --init: batch.0, batch.1, … or x [+ y])" };
        var model = Common.Model(command, required: false);
        var images = Common.Images(command, required: false);
        var prompts = new PromptFile(command);
        var downstream = new Option<bool>("--downstream") { Description = "With --model: take whole examples, so that coders can learn from the model's output (end_to_end) or gradients (columns PLACE.gradient)" };
        images.Description += "; lists of files (.txt), tar archives (WebDataset) and Parquet tables too";
        var hook = new Option<string?>("--hook") { HelpName = "PLACE", Description = "What the coder reads: a place, or a matrix of the file" };
        var target = new Option<string?>("--target-hook") { HelpName = "PLACE", Description = "What it predicts, for a transcoder; default: what it reads" };
        var arch = new Option<string?>("--arch") { HelpName = "NAME", Description = $"The architecture: {string.Join(", ", ArchitectureCatalog.Default.Names)}" };
        var preset = new Option<string?>("--preset") { HelpName = "NAME", Description = "Settings by name; --arch alone takes the architecture's defaults" };
        var k = new Option<double?>("--k") { HelpName = "N", Description = "Active features per row" };
        var features = new Option<int?>("--features") { HelpName = "N", Description = "Number of features" };
        var expansion = new Option<double?>("--expansion") { HelpName = "X", Description = "Number of features as a multiple of the width" };
        var rate = new Option<double?>("--lr") { HelpName = "X", Description = "Step size" };
        var steps = new Option<long?>("--steps") { HelpName = "N", Description = "Steps of training" };
        var batch = new Option<int?>("--batch") { HelpName = "N", Description = "Rows per step (default 4096)" };
        var start = new Option<string?>("--init") { HelpName = "FILE", Description = "Start from a reference's init.* tensors and write a trace to compare with its own" };
        var hyper = new Option<string?>("--hyper") { HelpName = "FILE", Description = "With --init: the reference's trainer and hyperparameters" };
        var inOrder = new Option<bool>("--no-shuffle") { Description = "Take rows in their own order" };
        var layout = new Option<string>("--to") { HelpName = "LAYOUT", DefaultValueFactory = _ => "prisma-sae/1", Description = "The layout of the finished coders" };
        var statistics = new Option<long>("--statistics") { HelpName = "ROWS", Description = "At the end, measure over so many rows how strongly each feature fires: the unit of 'intervene --feature'" };
        command.Options.Add(statistics);
        var output = Common.Out(command, "The run's folder");
        foreach (var option in new Option[] { config, data, downstream, hook, target, arch, preset, k, features, expansion, rate, steps, batch, start, hyper, inOrder, layout }) command.Options.Add(option);
        var seed = Common.Seed(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction((parsed, stop) =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var folder = parsed.GetValue(output)!;
            if (parsed.GetValue(start) is { } init)
            {
                Trace(init, Needed(parsed, data), Needed(parsed, hyper), parsed.GetValue(preset), parsed.GetValue(steps), folder, Common.Existing(parsed.GetValue(force)), terminal);
                return Task.FromResult(ExitCode.Good);
            }
            var modelFolder = parsed.GetValue(model) is { } named ? Named.Folder(named, terminal) : null;
            if (prompts.IsGiven(parsed) && (modelFolder is null || parsed.GetValue(data) is not null)) throw new OptionsException("--prompts draws with a model: name it with --model, without --data.");
            using var source = TrainData.Open(
                parsed.GetValue(data), modelFolder, parsed.GetValue(images) ?? [], Hooks(parsed),
                parsed.GetValue(inOrder) ? null : parsed.GetValue(seed), parsed.GetValue(downstream), modelFolder is null ? null : prompts.Open(parsed, modelFolder));
            var run = RunConfig.Read(parsed.GetValue(config) is { } file ? TrainJson.Open(file) : FromOptions(parsed), source.Columns);
            using var work = Interruption.Begin(stop);
            IReadOnlyList<TrainMeasurement> measured;
            try
            {
                measured = TrainFolder.Run(folder, run, source, source.Card, parsed.GetValue(layout)!, Common.Existing(parsed.GetValue(force)),
                    new TrainConsole(terminal), work.Token, sofar => TrainPage.Save(folder, sofar), parsed.GetValue(statistics));
            }
            catch (OperationCanceledException) when (work.Token.IsCancellationRequested)
            {
                terminal.Remark($"Stopped after a checkpoint in {folder}; the same command goes on from there.");
                return Task.FromResult(ExitCode.BadInput);
            }
            if (parsed.GetValue(json)) terminal.Json(measured);
            else
                terminal.Table(["coder", "step", "L0", "explained variance", "dead", "loss", "gradients"], measured.Select(IReadOnlyList<string> (last) =>
                    [last.Coder, $"{last.Step}", $"{last.L0:f1}", $"{last.ExplainedVariance:f4}", $"{last.Dead:P1}", $"{last.Loss:g5}", $"{last.Gradients}"]));
            terminal.Remark($"Wrote {folder}.");
            return Task.FromResult(ExitCode.Good);
        });

        List<string> Hooks(ParseResult parsed) => [.. new[] { parsed.GetValue(hook), parsed.GetValue(target) }.OfType<string>().Select(ShortCodes.Expand)];

        JsonObject FromOptions(ParseResult parsed)
        {
            if (parsed.GetValue(arch) is null && parsed.GetValue(preset) is null) throw new OptionsException("Say what to train: --config FILE, --preset NAME or --arch NAME.");
            var coder = new JsonObject { ["name"] = "coder", ["optimizer"] = new JsonObject(), ["options"] = new JsonObject() };
            if (parsed.GetValue(preset) is { } named) coder["preset"] = named;
            if (parsed.GetValue(arch) is { } architecture) coder["architecture"] = architecture;
            if (parsed.GetValue(hook) is { } reads) coder["reads"] = ShortCodes.Expand(reads);
            if (parsed.GetValue(downstream) && parsed.GetValue(hook) is { } place) coder["gradients"] = place + ".gradient";
            if (parsed.GetValue(target) is { } writes) (coder["writes"], coder["options"]!["input_bias"]) = (ShortCodes.Expand(writes), "none");
            if (parsed.GetValue(features) is { } number) coder["features"] = number;
            if (parsed.GetValue(expansion) is { } times) coder["expansion"] = times;
            if (parsed.GetValue(k) is { } active) coder["options"]!["k"] = active;
            if (parsed.GetValue(rate) is { } size) coder["optimizer"]!["learning_rate"] = size;
            var run = new JsonObject
            {
                ["steps"] = parsed.GetValue(steps) ?? throw new OptionsException("Give --steps, the number of steps."),
                ["seed"] = parsed.GetValue(seed),
                ["coders"] = new JsonArray(coder),
            };
            if (parsed.GetValue(batch) is { } rows) run["batch_rows"] = rows;
            return run;
        }
    }

    private static string Needed(ParseResult parsed, Option<string?> option) =>
        parsed.GetValue(option) ?? throw new OptionsException($"--init needs {option.Name} as well.");

    private static void Trace(
        string init, string data, string hyper, string? preset, long? steps, string folder, ExistingFile existing, Terminal terminal)
    {
        var reference = ReferenceSettings.Read(TrainJson.Open(hyper), preset);
        using var start = TensorSource.Open(init);
        using var rows = TensorSource.Open(data);
        var batches = ReferenceBatches.Read(rows, reference.BatchRows, steps);
        var trace = ReferenceTrace.Run(reference, start, batches, reference.TotalSteps ?? batches.Count);
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, "trace.safetensors");
        Safetensors.Write(path, trace.Select(entry => (entry.Key, entry.Value)), new Dictionary<string, string> { ["format"] = "pt" }, existing);
        foreach (var tensor in trace.Values.Concat(batches.SelectMany(batch => new[] { batch.Inputs, batch.Targets }))) tensor.Dispose();
        terminal.Remark($"Wrote {path}.");
    }
}
