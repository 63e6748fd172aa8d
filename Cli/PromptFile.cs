using System.CommandLine;
using Prisma.Core;
using Prisma.Diffusion;

namespace Prisma.Cli;

/// <summary>Options that make examples for a U-net of a file of prompts: each prompt is drawn, each of its steps is an example.</summary>
internal sealed class PromptFile
{
    private readonly Option<string?> _file = new("--prompts") { HelpName = "FILE", Description = "Prompts for a text-to-image model, one a line: each is drawn, and places of its U-net are read at every step" };
    private readonly Option<int?> _steps = new("--draw-steps") { HelpName = "N", Description = "With --prompts: steps of the scheduler (default 1)" };
    private readonly Option<double> _guidance = new("--guidance") { HelpName = "G", Description = "With --prompts: how far to push away from the negative prompt (default 0); the passes that see the prompt are read" };
    private readonly Option<string?> _negative = new("--negative") { HelpName = "TEXT", Description = "With --prompts and --guidance above 1: what not to draw" };
    private readonly Option<string?> _size = new("--size") { HelpName = "HxW", Description = "With --prompts: rows and columns of the pictures" };
    private readonly Option<string?> _scheduler = new("--scheduler") { HelpName = "FILE", Description = "With --prompts: another scheduler_config.json than the model's" };
    private readonly Option<long> _seed = new("--draw-seed") { HelpName = "N", Description = "With --prompts: prompt i draws its noise from N + i (default 0)" };

    internal PromptFile(Command command)
    {
        foreach (var option in new Option[] { _file, _steps, _guidance, _negative, _size, _scheduler, _seed }) command.Options.Add(option);
    }

    internal bool IsGiven(ParseResult parsed) => parsed.GetValue(_file) is not null;

    /// <summary>The pipeline of a folder and the examples; null where no prompts were named. The caller disposes the pipeline.</summary>
    internal (TextToImage Pipeline, DenoiseInputs Inputs)? Open(ParseResult parsed, string folder, TorchSharp.torch.Device? device = null)
    {
        if (parsed.GetValue(_file) is not { } file) return null;
        var prompts = DenoiseInputs.ReadPrompts(file);
        if (parsed.GetValue(_steps) is < 1) throw new OptionsException($"--draw-steps {parsed.GetValue(_steps)}: give a number of at least 1.");
        var (height, width) = PictureOptions.Size(parsed.GetValue(_size));
        var pipeline = TextToImage.Open(folder, parsed.GetValue(_scheduler) is { } scheduler ? Scheduler.Open(scheduler) : null, device: device);
        try
        {
            var options = new GenerateOptions
            {
                Prompts = prompts,
                Steps = parsed.GetValue(_steps) ?? 1,
                Guidance = parsed.GetValue(_guidance),
                Negative = parsed.GetValue(_negative),
                Height = height,
                Width = width,
                Seed = parsed.GetValue(_seed),
            };
            return (pipeline, new DenoiseInputs(pipeline, prompts, options));
        }
        catch
        {
            pipeline.Dispose();
            throw;
        }
    }
}
