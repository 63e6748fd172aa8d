using System.CommandLine;
using System.Diagnostics;
using Prisma.Core;
using Prisma.Sae;
using static TorchSharp.torch;

namespace Prisma.Cli.Commands;

/// <summary>Stores activations for training.</summary>
internal sealed class SaeHarvestCommand : Verb
{
    internal override string Name => "sae harvest";

    internal override string Description =>
        "Runs a model over pictures, texts or tensors and stores what its places hold, in shuffled-access shards for training. Stopped or killed, the same command goes on.\n"
        + "Of a text-to-image model: prisma sae harvest --model sdxl-turbo --prompts prompts.txt --hook up.0.1 --out acts\n"
        + "Example: prisma sae harvest --model weights/demo/vit --image pictures --hook 'blocks.4.hook_resid_post' --out acts --budget 10GB";

    internal override void Fill(Command command, Terminal terminal)
    {
        var model = Common.Model(command);
        var family = Common.Family(command);
        var images = Common.Images(command, required: false);
        images.Description += "; lists of files (.txt), tar archives (WebDataset) and Parquet tables too";
        var clips = new ClipOptions(command);
        var hop = new Option<int?>("--hop") { HelpName = "N", Description = "Of videos: windows, each so many frames after the one before; default: one clip for each video" };
        command.Options.Add(hop);
        var tensors = new Option<string?>("--tensors") { HelpName = "FILE", Description = "Inputs by the reference's argument names (pixel_values, …), one example per step of the first axis" };
        var text = new TextOption(command);
        var prompts = new PromptFile(command);
        var hooks = new Option<string[]>("--hook") { Required = true, HelpName = "GLOB", AllowMultipleArgumentsPerToken = true, Description = "Places; each becomes a column, * crosses dots" };
        var output = Common.Out(command, "The folder for the shards and their index");
        var tokens = new Option<string>("--tokens") { HelpName = "all|cls|spatial|no-special", DefaultValueFactory = _ => "all", Description = "Which tokens become rows" };
        var dtype = new Option<string>("--dtype") { HelpName = "float32|float16|bfloat16", DefaultValueFactory = _ => "float32", Description = "The type on disk" };
        var rows = new Option<int>("--rows-per-shard") { HelpName = "N", DefaultValueFactory = _ => 32_768, Description = "Rows per file" };
        var budget = new Option<string?>("--budget") { HelpName = "10GB", Description = "The most that may be written; default: what the disk has" };
        var batch = new Option<int>("--batch") { HelpName = "N", DefaultValueFactory = _ => 32, Description = "Examples per forward pass" };
        var seed = new Option<long?>("--seed") { HelpName = "N", Description = "Take the examples in a random order; default: as given" };
        foreach (var option in new Option[] { tensors, hooks, tokens, dtype, rows, budget, batch, seed }) command.Options.Add(option);
        var device = Common.Device(command);
        var threads = Common.Threads(command);
        var json = Common.Json(command);
        var force = Common.Force(command);
        command.SetAction(parsed =>
        {
            Common.UseThreads(parsed.GetValue(threads));
            var folder = parsed.GetValue(output)!;
            var (chosen, stored) = (TokensNamed(parsed.GetValue(tokens)!), Common.TypeNamed(parsed.GetValue(dtype)!));
            long? most = parsed.GetValue(budget) is { } size ? ByteSize.Parse(size) : null;
            var modelFolder = Named.Folder(parsed.GetValue(model)!, terminal);
            var drawing = prompts.Open(parsed, modelFolder, Common.DeviceNamed(parsed.GetValue(device)!));
            using var pipeline = drawing?.Pipeline;
            if (drawing is not null && (text.IsGiven(parsed) || parsed.GetValue(tensors) is not null || parsed.GetValue(images) is { Length: > 0 }))
                throw new OptionsException("--prompts excludes --image, --text and --tensors: one harvest has one kind of input.");
            using var alone = pipeline is null ? Models.Load(modelFolder, parsed.GetValue(family)) : null;
            HookedModel loaded = pipeline is null ? alone! : pipeline.Unet;
            alone?.To(Common.DeviceNamed(parsed.GetValue(device)!));
            var options = new HarvestOptions
            {
                Sites = loaded.Find(parsed.GetValue(hooks)!.Select(ShortCodes.Expand)),
                Tokens = chosen,
                Dtype = stored,
                RowsPerShard = parsed.GetValue(rows),
                Batch = parsed.GetValue(batch),
                Seed = parsed.GetValue(seed),
                Budget = most,
            };
            var inputs = drawing is { Inputs: var drawn } ? drawn : text.Open(parsed, modelFolder, loaded) is { } texts
                ? parsed.GetValue(tensors) is null && parsed.GetValue(images) is not { Length: > 0 } ? texts : throw new OptionsException("--text excludes --image and --tensors: one harvest has one kind of input.")
                : loaded is IVideoModel video && parsed.GetValue(tensors) is null && parsed.GetValue(images) is { Length: > 0 } videos
                ? new ClipInputs(videos, Preprocess.Load(modelFolder), video, clips.Read(parsed, loaded), parsed.GetValue(hop))
                : Inputs(parsed.GetValue(tensors), parsed.GetValue(images) ?? [], modelFolder);
            using var owned = inputs as IDisposable;
            var watch = Stopwatch.StartNew();
            var index = Harvest.Run(loaded, inputs, options, folder,
                parsed.GetValue(force) ? ExistingHarvest.Replace : ExistingHarvest.Continue, new HarvestReport(terminal, folder, watch));
            if (parsed.GetValue(json))
                terminal.Json(new { folder, rows = index.Rows, shards = index.Shards.Count, bytes = index.Shards.Sum(shard => shard.Bytes), seconds = watch.Elapsed.TotalSeconds, columns = index.Settings.Columns, digest = index.Digest });
            else
                terminal.Table(["place", "width", "rows", "mean norm", "rms"], index.Settings.Columns.Select(IReadOnlyList<string> (column) =>
                    [column.Name, $"{column.Width}", $"{index.Rows}", $"{index.Statistics[column.Name].MeanNorm:g6}", $"{Math.Sqrt(index.Statistics[column.Name].MeanSquaredNorm / column.Width):g6}"]));
            return ExitCode.Good;
        });
    }

    private static IModelInputs Inputs(string? tensors, string[] pictures, string folder) => (tensors, pictures.Length) switch
    {
        (null, 0) => throw new OptionsException("Name pictures with --image, texts with --text, prompts with --prompts, or a file of tensors with --tensors."),
        (null, _) => new PictureInputs(pictures, Preprocess.Load(folder)),
        ({ } file, 0) => new TensorInputs(TensorSource.Open(file)),
        _ => throw new OptionsException("--image and --tensors exclude each other: one harvest has one kind of input."),
    };

    private static TokenFilter TokensNamed(string name) => name switch
    {
        "all" => TokenFilter.All,
        "cls" => TokenFilter.Cls,
        "spatial" => TokenFilter.Spatial,
        "no-special" => TokenFilter.NoSpecial,
        _ => throw new OptionsException($"--tokens {name}: expected all, cls, spatial or no-special."),
    };
}
