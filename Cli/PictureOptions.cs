using System.CommandLine;
using System.Globalization;
using System.Text.RegularExpressions;
using Prisma.Core;
using Prisma.Diffusion;
using static TorchSharp.torch;

namespace Prisma.Cli;

/// <summary>Options that say what a text-to-image model is to draw.</summary>
internal sealed partial class PictureOptions
{
    private readonly Option<string> _model;
    private readonly Option<string[]> _prompt = new("--prompt") { HelpName = "TEXT", AllowMultipleArgumentsPerToken = true, Description = "What to draw; one picture for each" };
    private readonly Option<string?> _negative = new("--negative") { HelpName = "TEXT", Description = "What not to draw, with --guidance above 1" };
    private readonly Option<double> _guidance = new("--guidance") { HelpName = "G", Description = "How far to push away from the negative prompt; up to 1: not at all (default 0, as SDXL-Turbo was trained)" };
    private readonly Option<int> _steps;
    private readonly Option<string?> _latents = new("--latents") { HelpName = "FILE", Description = "Start noise: a tensor 'latents' of unit variance" };
    private readonly Option<string?> _noise = new("--noise") { HelpName = "FILE", Description = "The steps' noise: a tensor 'noises' [steps, prompts, …]" };
    private readonly Option<string?> _size = new("--size") { HelpName = "HxW", Description = "Rows and columns of the picture (default: what the U-net was trained on)" };
    private readonly Option<string?> _scheduler = new("--scheduler") { HelpName = "FILE", Description = "Another scheduler_config.json than the model's" };
    private readonly Option<double> _eta = new("--eta") { HelpName = "SHARE", Description = "Share of fresh noise of the DDIM scheduler (default 0)" };
    private readonly Option<string?> _start = new("--start") { HelpName = "PICTURE", Description = "Begin from a picture instead of noise" };
    private readonly Option<double> _strength = new("--strength") { HelpName = "SHARE", DefaultValueFactory = _ => 0.5, Description = "With --start: the share of the steps that are taken" };
    private readonly Option<bool> _tiles = new("--tiles") { Description = "Decode large pictures in blended tiles, which bounds memory" };
    private readonly Option<string> _compute = new("--compute") { HelpName = "float32|bfloat16", DefaultValueFactory = _ => "float32", Description = "What the U-net computes in" };
    private readonly Option<string> _device;
    private readonly Option<long> _seed;

    internal PictureOptions(Command command)
    {
        _model = Common.Model(command);
        command.Options.Add(_prompt);
        command.Options.Add(_negative);
        command.Options.Add(_guidance);
        _steps = Common.Count(command, "--steps", 1, "Steps of the scheduler");
        foreach (var option in new Option[] { _latents, _noise, _size, _scheduler, _eta, _start, _strength, _tiles, _compute }) command.Options.Add(option);
        _device = Common.Device(command);
        _seed = Common.Seed(command);
    }

    /// <summary>Loads the model; beside sparse coders it stays on the CPU.</summary>
    internal TextToImage Open(ParseResult parsed, Terminal terminal, bool besideCoders = false) => TextToImage.Open(
        Folder(parsed, terminal), SchedulerOf(parsed), TypeOf(parsed),
        besideCoders ? Common.CoderDeviceNamed(parsed.GetValue(_device)!) : Common.DeviceNamed(parsed.GetValue(_device)!));

    /// <summary>The model's folder, fetched where it has to be.</summary>
    internal string Folder(ParseResult parsed, Terminal terminal) => Named.Folder(parsed.GetValue(_model)!, terminal);

    /// <summary>Loads a model that draws without a text.</summary>
    internal PixelDiffusion OpenPixels(ParseResult parsed, string folder) => PixelDiffusion.Open(folder, SchedulerOf(parsed), TypeOf(parsed), Common.DeviceNamed(parsed.GetValue(_device)!));

    /// <summary>What a model without a text is to draw; given tensors belong to the caller's scope.</summary>
    internal PixelOptions ReadPixels(ParseResult parsed, int count, IReadOnlyList<int> classes)
    {
        foreach (var (name, given) in new[] { ("--prompt", parsed.GetValue(_prompt) is { Length: > 0 }), ("--negative", parsed.GetValue(_negative) is not null), ("--start", parsed.GetValue(_start) is not null), ("--guidance", parsed.GetValue(_guidance) != 0) })
            if (given) throw new OptionsException($"{name} is for models that draw from a text; this one draws from noise alone.");
        var (height, width) = Size(parsed.GetValue(_size));
        return new PixelOptions
        {
            Count = count,
            Classes = classes.Count > 0 ? classes : null,
            Steps = parsed.GetValue(_steps),
            Seed = parsed.GetValue(_seed),
            Height = height,
            Width = width,
            Start = Given(parsed.GetValue(_latents), "latents"),
            Noises = Given(parsed.GetValue(_noise), "noises"),
            Eta = parsed.GetValue(_eta),
        };
    }

    /// <summary>What to draw; given tensors belong to the caller's scope.</summary>
    internal GenerateOptions Read(ParseResult parsed, Terminal terminal, IReadOnlyList<string>? more = null)
    {
        if (parsed.GetValue(_negative) is not null && parsed.GetValue(_guidance) <= 1) terminal.Remark("--negative has no effect without guidance: give --guidance above 1.");
        var (height, width) = Size(parsed.GetValue(_size));
        return new GenerateOptions
        {
            Prompts = (parsed.GetValue(_prompt) ?? []).Concat(more ?? []).ToList() is { Count: > 0 } prompts ? prompts : throw new OptionsException("Say what to draw: give --prompt."),
            Negative = parsed.GetValue(_negative),
            Guidance = parsed.GetValue(_guidance),
            Steps = parsed.GetValue(_steps),
            Seed = parsed.GetValue(_seed),
            Height = height,
            Width = width,
            Latents = Given(parsed.GetValue(_latents), "latents"),
            Noises = Given(parsed.GetValue(_noise), "noises"),
            Start = parsed.GetValue(_start) is { } picture ? RgbImage.Load(picture) : null,
            Strength = parsed.GetValue(_strength),
            Eta = parsed.GetValue(_eta),
            Tiles = parsed.GetValue(_tiles),
        };
    }

    /// <summary>Says after each step how far the run is.</summary>
    internal static IProgress<DenoiseStep> Progress(Terminal terminal) => new StepRemarks(terminal);

    internal static (int?, int?) Size(string? text)
    {
        if (text is null) return (null, null);
        var match = HeightAndWidth().Match(text);
        return match.Success && int.TryParse(match.Groups[1].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var height)
            && int.TryParse(match.Groups[2].ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var width)
            ? (height, width)
            : throw new OptionsException($"--size {text}: expected rows and columns such as 512x512.");
    }

    private Scheduler? SchedulerOf(ParseResult parsed) => parsed.GetValue(_scheduler) is { } file ? Scheduler.Open(file) : null;

    private ScalarType TypeOf(ParseResult parsed) => parsed.GetValue(_compute) switch
    {
        "float32" => ScalarType.Float32,
        "bfloat16" => ScalarType.BFloat16,
        var other => throw new OptionsException($"--compute {other}: expected float32 or bfloat16."),
    };

    private static Tensor? Given(string? file, string name)
    {
        if (file is null) return null;
        using var source = TensorSource.Open(file);
        return source.Get(name).ToTensor();
    }

    [GeneratedRegex(@"^(\d+)[xX](\d+)$")]
    private static partial Regex HeightAndWidth();

    private sealed class StepRemarks(Terminal terminal) : IProgress<DenoiseStep>
    {
        public void Report(DenoiseStep value)
        {
            if (value.Count > 1) terminal.Remark($"step {value.Index + 1} of {value.Count}");
        }
    }
}
