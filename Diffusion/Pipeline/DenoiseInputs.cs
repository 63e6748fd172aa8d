using System.Security.Cryptography;
using System.Text;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Prompts as examples for a U-net: each is drawn, and each of its steps is one example with what the U-net reads there in the pass that sees the prompt. So
/// a harvest of the U-net's places over these examples holds cached activations of all prompts and steps. A run of one step needs no pass of its own; of K
/// steps, K − 1. Borrows the pipeline.
/// </summary>
public sealed class DenoiseInputs : IModelInputs
{
    private readonly TextToImage _pipeline;
    private readonly IReadOnlyList<string> _prompts;
    private readonly GenerateOptions _options;

    /// <summary>Examples of a pipeline's U-net.</summary>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="prompts">The prompts; prompt i draws its noise from seed + i.</param>
    /// <param name="options">How to draw; its prompts, latents, noises and start picture are not used.</param>
    /// <exception cref="OptionsException">There are no prompts, or so many steps cannot be made.</exception>
    public DenoiseInputs(TextToImage pipeline, IReadOnlyList<string> prompts, GenerateOptions options)
    {
        ArgumentNullException.ThrowIfNull(pipeline);
        ArgumentNullException.ThrowIfNull(prompts);
        ArgumentNullException.ThrowIfNull(options);
        if (prompts.Count == 0) throw new OptionsException("There are no prompts to draw.");
        (_pipeline, _prompts) = (pipeline, prompts);
        _options = options with { Latents = null, Noises = null, Start = null, Decodes = false };
        var timesteps = pipeline.Scheduler.Start(options.Steps, options.Eta).Timesteps;
        Steps = timesteps.Count;
        Fingerprint = $"prompts {Digest(timesteps)}";
    }

    /// <summary>Steps of each prompt.</summary>
    public int Steps { get; }

    /// <inheritdoc/>
    public int Count => checked(_prompts.Count * Steps);

    /// <inheritdoc/>
    public string Fingerprint { get; }

    /// <summary>The prompts of a file: its lines, empty ones left out.</summary>
    /// <exception cref="CheckpointException">There is no such file, or nothing in it.</exception>
    public static IReadOnlyList<string> ReadPrompts(string file)
    {
        if (!File.Exists(file)) throw new CheckpointException($"There is no file '{file}'; prompts are the lines of a text file.");
        var prompts = File.ReadLines(file).Select(line => line.Trim()).Where(line => line.Length > 0).ToList();
        return prompts.Count > 0 ? prompts : throw new CheckpointException($"'{file}' holds no prompts: its lines are empty.");
    }

    /// <inheritdoc/>
    public string NameOf(int example) => $"step {example % Steps} of prompt {example / Steps}, '{_prompts[example / Steps]}'";

    /// <inheritdoc/>
    public ModelInput Batch(IReadOnlyList<int> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        var chosen = examples.Select(example => example / Steps).Distinct().ToList();
        var rows = chosen.Select((prompt, row) => (prompt, row)).ToDictionary(pair => pair.prompt, pair => pair.row);
        var options = _options with { Prompts = [.. chosen.Select(prompt => _prompts[prompt])], Seeds = [.. chosen.Select(prompt => _options.Seed + prompt)] };
        var inputs = _pipeline.Inputs(options, examples.Max(example => example % Steps) + 1);
        try
        {
            using var scope = NewDisposeScope();
            var joined = new ModelInput();
            // The time step is one number for all pictures of a pass; here each example has its own.
            foreach (var (name, first) in inputs[0])
                joined.Add(name, stack([.. examples.Select(example => Of(inputs[example % Steps][name], first.ndim == 0 ? null : rows[example / Steps]))]).DetachFromDisposeScope());
            return joined;
        }
        finally
        {
            foreach (var (_, tensor) in inputs.SelectMany(input => input)) tensor.Dispose();
        }
    }

    private static Tensor Of(Tensor value, int? row) => row is { } at ? value[at] : value;

    private string Digest(IReadOnlyList<double> timesteps)
    {
        string?[] said = [.. _prompts, _options.Negative, $"{_options.Guidance:r} {_options.Seed} {_options.Eta:r}", $"{_pipeline.SizeOf(_options)}",
            $"{_pipeline.Scheduler.GetType().Name} {string.Join(' ', timesteps)}", .. _pipeline.TextEncoders.Select(WeightDigest.Of)];
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', said))))[..16];
    }
}
