using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// Pictures out of noise without a text, in diffusers' layout (DDPMPipeline, DDIMPipeline; Ho et al. 2020): a U-net on pixels and a scheduler, in folders
/// of their own or side by side, as older checkpoints have them. Owns its model; dispose it.
/// </summary>
public sealed class PixelDiffusion : IDisposable
{
    private const string IndexFile = "model_index.json";

    private static readonly string[] s_kinds = ["DDPMPipeline", "DDIMPipeline"];

    private PixelDiffusion(string path, Unet unet, Scheduler scheduler) => (Path, Unet, Scheduler) = (path, unet, scheduler);

    /// <summary>The checkpoint's folder.</summary>
    public string Path { get; }

    /// <summary>The U-net. Borrowed.</summary>
    public Unet Unet { get; }

    /// <summary>The scheduler.</summary>
    public Scheduler Scheduler { get; }

    /// <summary>Whether a folder's <c>model_index.json</c> says that it is such a checkpoint.</summary>
    public static bool IsOne(string path)
    {
        var file = System.IO.Path.Combine(path, IndexFile);
        if (!File.Exists(file)) return false;
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("_class_name", out var kind)
                && kind.ValueKind == JsonValueKind.String && s_kinds.Contains(kind.GetString());
        }
        catch (JsonException)
        {
            return false;
        }
    }

    /// <summary>Loads a checkpoint folder.</summary>
    /// <param name="path">The folder with <c>model_index.json</c>.</param>
    /// <param name="scheduler">Another scheduler than the checkpoint's own; null keeps that.</param>
    /// <param name="dtype">What the U-net computes in.</param>
    /// <param name="device">Where the model lies; null: the CPU.</param>
    /// <exception cref="CheckpointException">A component is missing, damaged or not built.</exception>
    public static PixelDiffusion Open(string path, Scheduler? scheduler = null, ScalarType dtype = ScalarType.Float32, Device? device = null)
    {
        if (!IsOne(path)) throw new CheckpointException($"'{path}' has no {IndexFile} of {string.Join(" or ", s_kinds)}: it is no checkpoint that draws without a text.");
        scheduler ??= Scheduler.Open(Part(path, "scheduler"));
        var model = new ModelCatalog(typeof(UnetFamily).Assembly).Load(Part(path, "unet"), dtype: dtype);
        if (model is not Unet { Config: { ReadsText: false } config } unet || config.Inputs != config.Outputs || config.Inputs is not (1 or 3))
        {
            var family = model.Card.Family;
            model.Dispose();
            throw new CheckpointException($"'{path}': the model of family {family} is no U-net without text that predicts as many channels as it reads, 1 or 3; others are not built.");
        }
        if (device is not null) unet.To(device);
        return new PixelDiffusion(path, unet, scheduler);
    }

    /// <summary>Makes pictures under a plan. Dispose what comes back.</summary>
    /// <exception cref="OptionsException">An option lies out of range.</exception>
    /// <exception cref="ShapeException">Given tensors do not fit.</exception>
    public PixelGeneration Generate(PixelOptions options, DenoisePlan? plan = null, IProgress<DenoiseStep>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Check(Unet.Config);
        using var scope = NewDisposeScope();
        using var gradless = no_grad();
        long[] shape = [options.Count, Unet.Config.Inputs, options.Height ?? Unet.Config.Side, options.Width ?? Unet.Config.Side];
        if (options.Start is { } given && !given.shape.AsSpan().SequenceEqual(shape))
            throw new ShapeException($"The start noise is [{string.Join(", ", given.shape)}]; {options.Count} pictures need [{string.Join(", ", shape)}].");
        var schedule = Scheduler.Start(options.Steps, options.Eta);
        using var noise = new NoiseSource([.. Enumerable.Range(0, options.Count).Select(i => options.Seed + i)], shape, options.Noises, options.Steps);
        var told = new ToldUnet(null, null, null) { Classes = options.Classes is { } classes ? tensor(classes.Select(number => (long)number).ToArray()) : null };
        var loop = new DenoiseLoop(Unet, schedule, guidance: 0, told, plan ?? DenoisePlan.Empty, progress);
        var (samples, steps) = loop.Run((options.Start?.to(ScalarType.Float32) ?? noise.Draw()) * schedule.StartSigma, 0, null, null, noise);
        return new PixelGeneration
        {
            Timesteps = schedule.AllTimesteps().DetachFromDisposeScope(),
            Steps = steps,
            Samples = samples,
            Cache = loop.Cache,
            Pictures = LatentCodec.ToPictures(LatentCodec.ToBytes(samples.expand(samples.shape[0], 3, samples.shape[2], samples.shape[3]))),
        };
    }

    /// <inheritdoc/>
    public void Dispose() => Unet.Dispose();

    private static string Part(string path, string name)
    {
        var own = System.IO.Path.Combine(path, name);
        return Directory.Exists(own) ? own : path;
    }
}
