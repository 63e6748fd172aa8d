using Prisma.Core;
using Prisma.Text;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// A text-to-image pipeline in diffusers' layout: Stable Diffusion XL and its Turbo, Stable Diffusion 1 and 2. Prompts to latents to pictures,
/// with every pass of the U-net under a plan. Safety checkers and watermarks are not built and not run. Owns its models; dispose it.
/// </summary>
public sealed class TextToImage : IDisposable
{
    /// <summary>The registry's word for models that are such pipelines.</summary>
    public const string Family = "sdxl";

    private readonly PipelineFolder _folder;
    private readonly PromptEncoder _encoder;
    private readonly LatentCodec _codec;

    private TextToImage(PipelineFolder folder, PromptEncoder encoder, Unet unet, LatentAutoencoder vae, Scheduler scheduler)
    {
        (_folder, _encoder, Unet, Vae, Scheduler) = (folder, encoder, unet, vae, scheduler);
        _codec = new LatentCodec(vae);
    }

    /// <summary>The U-net. Borrowed.</summary>
    public Unet Unet { get; }

    /// <summary>The autoencoder. Borrowed.</summary>
    public LatentAutoencoder Vae { get; }

    /// <summary>The scheduler.</summary>
    public Scheduler Scheduler { get; }

    /// <summary>The text encoders, in order. Borrowed.</summary>
    public IReadOnlyList<HookedModel> TextEncoders => _encoder.Models;

    /// <summary>The checkpoint's folder.</summary>
    public string Path => _folder.Path;

    /// <summary>Loads a checkpoint folder.</summary>
    /// <param name="path">The folder with <c>model_index.json</c>.</param>
    /// <param name="scheduler">Another scheduler than the checkpoint's own; null keeps that.</param>
    /// <param name="dtype">What the U-net computes in; the text encoders, and an autoencoder that overflows in 16 bits, stay in float32.</param>
    /// <param name="device">Where the models lie; null: the CPU.</param>
    /// <exception cref="CheckpointException">A component is missing, damaged, not built, or does not fit the others.</exception>
    public static TextToImage Open(string path, Scheduler? scheduler = null, ScalarType dtype = ScalarType.Float32, Device? device = null)
    {
        var folder = PipelineFolder.Open(path);
        scheduler ??= Scheduler.Open(folder["scheduler"]);
        var catalog = new ModelCatalog(typeof(UnetFamily).Assembly, typeof(ClipTextFamily).Assembly);
        var loaded = new List<IDisposable>();
        try
        {
            var encoder = PromptEncoder.Open(folder, catalog);
            loaded.Add(encoder);
            var unet = Load<Unet>(catalog, folder["unet"], dtype, loaded);
            var vae = Load<LatentAutoencoder>(catalog, folder["vae"], ScalarType.Float32, loaded);
            CheckFit(folder, unet.Config, vae.Config);
            if (device is not null)
                foreach (var model in encoder.Models.Append(unet).Append(vae)) model.To(device);
            return new TextToImage(folder, encoder, unet, vae, scheduler);
        }
        catch
        {
            foreach (var owned in loaded) owned.Dispose();
            throw;
        }
    }

    /// <summary>The tokens of a prompt as the first tokenizer cuts it, start and end included.</summary>
    public IReadOnlyList<string> TokensOf(string prompt) => _encoder.TokensOf(prompt);

    /// <summary>Prompts as the U-net reads them. Dispose them.</summary>
    public PromptEmbedding Encode(IReadOnlyList<string> prompts)
    {
        using var scope = NewDisposeScope();
        return _encoder.Encode(prompts).Detached();
    }

    /// <summary>Makes pictures under a plan. Dispose what comes back.</summary>
    /// <param name="options">What to make.</param>
    /// <param name="plan">What to keep and edit in which passes; null for nothing.</param>
    /// <param name="progress">Told after each step.</param>
    /// <exception cref="OptionsException">An option lies out of range.</exception>
    /// <exception cref="ShapeException">Given tensors do not fit.</exception>
    public Generation Generate(GenerateOptions options, DenoisePlan? plan = null, IProgress<DenoiseStep>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(options);
        using var scope = NewDisposeScope();
        using var gradless = no_grad();
        var run = Prepare(options, plan, progress);
        using var noise = run.Noise;
        var (loop, schedule, prompt, negative, begin) = (run.Loop, run.Schedule, run.Prompt, run.Negative, run.Begin);
        var (latents, steps) = loop.Run(run.Start, begin, prompt, negative, noise);
        return new Generation
        {
            Prompt = prompt.Detached(),
            Negative = negative?.Detached(),
            Timesteps = schedule.AllTimesteps().narrow(0, begin, schedule.Timesteps.Count - begin).clone().DetachFromDisposeScope(),
            Steps = steps,
            Latents = latents,
            Cache = loop.Cache,
            NegativeCache = loop.NegativeCache,
            Pictures = options.Decodes ? Pictures(latents, options.Tiles) : [],
        };
    }

    /// <summary>
    /// What the U-net reads in the first passes of a run that see the prompt, one input a step: for harvesting what its places hold. Their tensors belong to
    /// no scope; the caller disposes them.
    /// </summary>
    /// <param name="options">What to draw.</param>
    /// <param name="steps">How many of its steps; the last of them is not run.</param>
    /// <exception cref="OptionsException">An option lies out of range.</exception>
    internal IReadOnlyList<ModelInput> Inputs(GenerateOptions options, int steps)
    {
        using var scope = NewDisposeScope();
        using var gradless = no_grad();
        var run = Prepare(options, null, null);
        using var noise = run.Noise;
        return run.Loop.Inputs(run.Start, run.Begin, steps, run.Prompt, run.Negative, noise);
    }

    private PreparedRun Prepare(GenerateOptions options, DenoisePlan? plan, IProgress<DenoiseStep>? progress)
    {
        options.Check(Vae.Config.Factor);
        if (EmbedsGuidance) CheckEmbedded(options);
        var (height, width) = SizeOf(options);
        var schedule = Scheduler.Start(options.Steps, options.Eta);
        var begin = BeginOf(options);
        long[] shape = [options.Prompts.Count, Unet.Config.Inputs, height / Vae.Config.Factor, width / Vae.Config.Factor];
        var prompt = _encoder.Encode(options.Prompts);
        var negative = options.Guidance > 1 && !EmbedsGuidance ? NegativeOf(options, prompt) : null;
        var noise = new NoiseSource([.. Enumerable.Range(0, options.Prompts.Count).Select(options.SeedOf)], shape, options.Noises, options.Steps - begin);
        try
        {
            var loop = new DenoiseLoop(Unet, schedule, options.Guidance, ToldOf(options, height, width, shape[0]), plan ?? DenoisePlan.Empty, progress);
            return new PreparedRun(loop, schedule, prompt, negative, noise, begin, StartOf(options, shape, schedule, begin, noise, height, width));
        }
        catch
        {
            noise.Dispose();
            throw;
        }
    }

    /// <summary>The pictures of latents in the pipeline's scale, one for each.</summary>
    public IReadOnlyList<RgbImage> Pictures(Tensor latents, bool tiles = false)
    {
        using var scope = NewDisposeScope();
        return LatentCodec.ToPictures(LatentCodec.ToBytes(_codec.Decode(latents, tiles)));
    }

    /// <summary>Decodes latents in the pipeline's scale: [B, C, h, w] to pictures in −1 to 1, [B, 3, H, W]. The caller disposes them.</summary>
    public Tensor Decode(Tensor latents, bool tiles = false) => _codec.Decode(latents, tiles);

    /// <inheritdoc/>
    public void Dispose()
    {
        _encoder.Dispose();
        Unet.Dispose();
        Vae.Dispose();
    }

    private static T Load<T>(ModelCatalog catalog, string path, ScalarType dtype, List<IDisposable> loaded) where T : HookedModel
    {
        var model = catalog.Load(path, dtype: dtype);
        loaded.Add(model);
        return model as T ?? throw new CheckpointException($"'{path}' holds a model of the family {model.Card.Family}, which does not belong there.");
    }

    private static void CheckFit(PipelineFolder folder, UnetConfig unet, LatentConfig vae)
    {
        if (!unet.ReadsText) throw new CheckpointException($"'{folder.Path}': the U-net reads no text, so no picture can be made from one.");
        if (unet.Inputs != vae.Latents || unet.Outputs != vae.Latents)
            throw new CheckpointException($"'{folder.Path}': the U-net reads {unet.Inputs} and writes {unet.Outputs} channels, the autoencoder's latents have {vae.Latents}. Pipelines with other inputs are not built.");
        if (unet.AddedWidth > 0 != folder.ReadsPenultimate)
            throw new CheckpointException($"'{folder.Path}': {folder.Kind} and its U-net do not agree on whether pooled texts are read.");
    }

    /// <summary>The size of the pictures: the wanted one, or the one that the U-net was trained on.</summary>
    /// <exception cref="OptionsException">Neither is known.</exception>
    public (int Height, int Width) SizeOf(GenerateOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var side = Unet.Config.Side * Vae.Config.Factor;
        if (side == 0 && (options.Height is null || options.Width is null))
            throw new OptionsException("The U-net's configuration does not say which size it was trained on: give the size.");
        return (options.Height ?? side, options.Width ?? side);
    }

    /// <summary>
    /// Whether the U-net reads the guidance's strength as an input (latent consistency models): there is no pass that sees a negative prompt then,
    /// and one pass a step guides as strongly as two.
    /// </summary>
    public bool EmbedsGuidance => Unet.Config.GuidanceWidth > 0;

    private static void CheckEmbedded(GenerateOptions options)
    {
        if (options.Negative is not null) throw new OptionsException("This U-net reads the guidance's strength as an input and sees no negative prompt: leave it out.");
        if (options.Guidance < 1) throw new OptionsException($"This U-net reads the guidance's strength as an input, which must be 1 or more, not {options.Guidance}: latent consistency models were trained with about 3 to 14, and 8.5 is usual.");
    }

    private static int BeginOf(GenerateOptions options)
    {
        if (options.Start is null) return 0;
        var taken = Math.Min((int)(options.Steps * options.Strength), options.Steps);
        return taken > 0 ? options.Steps - taken : throw new OptionsException($"A strength of {options.Strength} takes none of {options.Steps} steps; raise one of them.");
    }

    private PromptEmbedding NegativeOf(GenerateOptions options, PromptEmbedding prompt) => options.Negative is null && _folder.ZerosForNoNegative
        ? prompt.Zeros()
        : _encoder.Encode([.. Enumerable.Repeat(options.Negative ?? "", options.Prompts.Count)]);

    // What the U-net is told beside prompt and time step.
    private ToldUnet ToldOf(GenerateOptions options, int height, int width, long batch) => new(
        SizesOf(height, width, options.AestheticScore, batch), SizesOf(height, width, options.NegativeAestheticScore, batch),
        EmbedsGuidance ? GuidanceWaves.Of(tensor((float)options.Guidance), Unet.Config.GuidanceWidth).expand(batch, Unet.Config.GuidanceWidth) : null);

    // SDXL's refiner is told how fine the picture shall be, in place of the size that was aimed at.
    private Tensor? SizesOf(int height, int width, double aesthetic, long batch)
    {
        if (Unet.Config.AddedWidth == 0) return null;
        float[] sizes = _folder.ReadsAestheticScore ? [height, width, 0, 0, (float)aesthetic] : [height, width, 0, 0, height, width];
        return tensor(sizes).expand(batch, sizes.Length);
    }

    private Tensor StartOf(GenerateOptions options, long[] shape, Schedule schedule, int begin, NoiseSource noise, int height, int width)
    {
        if (options.Start is { } picture)
        {
            var pixels = LatentCodec.FromPicture(picture, height, width).expand(shape[0], 3, height, width);
            var clean = _codec.Encode(pixels, noise.Draw);
            return schedule.AddNoise(clean, noise.Draw(), schedule.Timesteps[begin]);
        }
        if (options.Latents is { } given && !given.shape.AsSpan().SequenceEqual(shape))
            throw new ShapeException($"The start latents are [{string.Join(", ", given.shape)}]; {shape[0]} prompts at {height}x{width} need [{string.Join(", ", shape)}].");
        return (options.Latents?.to(ScalarType.Float32) ?? noise.Draw()) * schedule.StartSigma;
    }

    private sealed record PreparedRun(DenoiseLoop Loop, Schedule Schedule, PromptEmbedding Prompt, PromptEmbedding? Negative, NoiseSource Noise, int Begin, Tensor Start);
}
