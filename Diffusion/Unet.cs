using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Diffusion;

/// <summary>
/// U-nets that predict noise from a latent, a time step and a text, in diffusers' layout (UNet2DConditionModel, as SDXL, SDXL-Turbo and
/// Stable Diffusion 1 and 2 use it). Rombach et al. 2022, Podell et al. 2023. Weights keep the checkpoint's names, places its module paths
/// behind <c>unet.</c>.
/// </summary>
public sealed class UnetFamily : ModelFamily<UnetConfig>
{
    /// <inheritdoc/>
    public override string Name => "unet";

    /// <inheritdoc/>
    protected override UnetConfig TinyConfig => new()
    {
        Channels = [8, 12],
        Layers = [1, 1],
        DownAttends = [false, true],
        UpAttends = [true, false],
        Heads = [1, 2],
        TransformerLayers = [1, 2],
        UpTransformerLayers = [2, 1],
        Context = [10, 10],
        LinearProjection = true,
        Groups = 4,
        TimeWidth = 16,
        AddedWaves = 4,
        AddedWidth = 6 * 4 + 6,
        GuidanceWidth = 6,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return folder.ClassName == "UNet2DConditionModel";
    }

    /// <inheritdoc/>
    protected override UnetConfig ReadConfig(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return UnetConfig.Read(new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)));
    }

    /// <inheritdoc/>
    protected override HookedModel Build(UnetConfig config) => new Unet(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(UnetConfig config, TensorSource source) => new WeightMap().Same(new Unet(config));
}

/// <summary>
/// The model of <see cref="UnetFamily"/> and <see cref="PixelUnetFamily"/>: sample [B, C, h, w], timestep (one number, or one per example) and, where the
/// configuration reads them, encoder_hidden_states [B, tokens, d], text_embeds [B, e] and time_ids [B, n], class_labels [B] and timestep_cond [B, g] (an
/// embedding of the guidance's strength; left out, nothing is added) to a prediction <c>sample</c> [B, C', h, w].
/// </summary>
public sealed class Unet : HookedModel
{
    private readonly TimeWaves _waves, _sizeWaves;
    private readonly HookPoint _wavesOut, _timeOut;
    private readonly HookPoint? _addedOut;
    private readonly EmbeddingMlp _time;
    private readonly EmbeddingMlp? _added;
    private readonly ClassEmbedding? _classes;
    private readonly Placed<Convolution> _first;
    private readonly DownBlock[] _down;
    private readonly MidBlock? _mid;
    private readonly UpBlock[] _up;
    private readonly Placed<GroupNorm> _norm;
    private readonly Convolution _last;
    private readonly Func<Tensor, Tensor> _activation;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public Unet(UnetConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        Config = config;
        InputNames =
        [
            "sample", "timestep",
            .. Named(config.ReadsText, "encoder_hidden_states"), .. Named(config.AddedWidth > 0, "text_embeds", "time_ids"),
            .. Named(config.Classes > 0, "class_labels"), .. Named(config.GuidanceWidth > 0, "timestep_cond"),
        ];
        _activation = Activation.Named(config.Activation);
        _waves = new TimeWaves(config.Channels[0], config.CosineFirst, config.FrequencyShift);
        _sizeWaves = _waves with { Width = config.AddedWaves };
        var embedding = PathChild("", Root, new Embeddings(config));
        (_time, _added, _classes, _wavesOut, _timeOut, _addedOut) = (embedding.Time, embedding.Added, embedding.Classes, embedding.WavesOut, embedding.TimeOut, embedding.AddedOut);
        _first = PathChild("conv_in", $"{Root}.conv_in", new Placed<Convolution>(new Convolution(config.Inputs, config.Channels[0], config.InKernel, padding: (config.InKernel - 1) / 2)));
        _down = [.. Enumerable.Range(0, config.Channels.Count).Select(i => PathChild($"down_blocks.{i}", $"{Root}.down_blocks.{i}", new DownBlock(config, i)))];
        _mid = config.Mid == UnetMid.None ? null : PathChild("mid_block", $"{Root}.mid_block", new MidBlock(config));
        _up = [.. Enumerable.Range(0, config.Channels.Count).Select(i => PathChild($"up_blocks.{i}", $"{Root}.up_blocks.{i}", new UpBlock(config, i)))];
        _norm = PathChild("conv_norm_out", $"{Root}.conv_norm_out", new Placed<GroupNorm>(new GroupNorm(config.Groups, config.Channels[0], config.Eps)));
        _last = Child("conv_out", new Convolution(config.Channels[0], config.Outputs, config.OutKernel, padding: (config.OutKernel - 1) / 2));
    }

    /// <summary>What stands before every module path.</summary>
    public const string Root = "unet";

    /// <summary>The configuration.</summary>
    public UnetConfig Config { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; }

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => null;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var type = _last.Type;
        var (x, text) = (input["sample"], Config.ReadsText ? input["encoder_hidden_states"] : null);
        Check(x, text);
        (x, text) = (x.to(type), text?.to(type));
        if (Config.CentresSample) x = 2 * x - 1;
        var time = _activation(Embed(input, x.shape[0], type, run));
        x = _first.Pass(_first.Inner.Forward(x), run);
        var skips = new Stack<Tensor>();
        skips.Push(x.alias());
        foreach (var block in _down) x = block.Forward(x, time, text, run, skips);
        if (_mid is not null) x = _mid.Forward(x, time, text, run);
        foreach (var block in _up) x = block.Forward(x, time, text, run, skips);
        x = _norm.Pass(_norm.Inner.Forward(x), run);
        return new ModelOutput().With("sample", _last.Forward(_activation(x)));
    }

    /// <summary>Inputs of zeros for one latent of a size: enough to find out which shapes places have. Their tensors belong to the caller's scope.</summary>
    public ModelInput Blank(long rows, long columns)
    {
        const int Sizes = 6;  // height and width of the original, of the crop's corner, of the target
        var input = new ModelInput
        {
            ["sample"] = zeros(1, Config.Inputs, rows, columns),
            ["timestep"] = zeros(1),
        };
        if (Config.ReadsText) input.Add("encoder_hidden_states", zeros(1, 1, Config.Context[0]));
        if (Config.Classes > 0) input.Add("class_labels", zeros(1, ScalarType.Int64));
        if (Config.AddedWidth == 0) return input;
        var sizes = Math.Min(Sizes, Config.AddedWidth / Config.AddedWaves);
        input.Add("text_embeds", zeros(1, Config.AddedWidth - sizes * Config.AddedWaves));
        input.Add("time_ids", zeros(1, sizes));
        return input;
    }

    private Tensor Embed(ModelInput input, long batch, ScalarType type, HookRun run)
    {
        using var scope = NewDisposeScope();
        var steps = input["timestep"].reshape(-1);
        if (steps.shape[0] != 1 && steps.shape[0] != batch)
            throw new ShapeException($"timestep has {steps.shape[0]} numbers for {batch} samples; give one, or one for each.");
        var waves = _wavesOut.Pass(_waves.Of(steps.expand(batch)).to(type), run);
        var time = _timeOut.Pass(_time.Forward(waves, Guidance(input, batch, type)), run);
        if (_classes is not null) time += _classes.Forward(input["class_labels"], batch);
        if (_added is null || _addedOut is null) return time.MoveToOuterDisposeScope();
        var (pooled, sizes) = (input["text_embeds"], input["time_ids"]);
        var wanted = Config.AddedWidth - (pooled.ndim == 2 ? pooled.shape[1] : 0);
        if (pooled.ndim != 2 || sizes.ndim != 2 || pooled.shape[0] != batch || sizes.shape[0] != batch || sizes.shape[1] * Config.AddedWaves != wanted)
            throw new ShapeException($"text_embeds is [{string.Join(", ", pooled.shape)}] and time_ids [{string.Join(", ", sizes.shape)}]; for {batch} samples their width plus {Config.AddedWaves} for each time id must make {Config.AddedWidth}.");
        var sizeWaves = _sizeWaves.Of(sizes.flatten()).reshape(batch, -1).to(type);
        return (time + _addedOut.Pass(_added.Forward(cat([pooled.to(type), sizeWaves], -1)), run)).MoveToOuterDisposeScope();
    }

    private Tensor? Guidance(ModelInput input, long batch, ScalarType type)
    {
        if (Config.GuidanceWidth == 0 || !input.Has("timestep_cond")) return null;
        var guidance = input["timestep_cond"];
        return guidance.ndim == 2 && guidance.shape[0] == batch && guidance.shape[1] == Config.GuidanceWidth
            ? guidance.to(type)
            : throw new ShapeException($"timestep_cond is [{string.Join(", ", guidance.shape)}]; expected [{batch}, {Config.GuidanceWidth}].");
    }

    private static string[] Named(bool read, params string[] names) => read ? names : [];

    private void Check(Tensor sample, Tensor? text)
    {
        if (sample.ndim != 4 || sample.shape[1] != Config.Inputs || sample.shape[0] < 1)
            throw new ShapeException($"sample is [{string.Join(", ", sample.shape)}]; expected [batch, {Config.Inputs}, height, width].");
        if (!sample.is_floating_point() || text?.is_floating_point() == false)
            throw new ShapeException($"sample holds {sample.dtype}{(text is null ? "" : $" and encoder_hidden_states {text.dtype}")}; expected floating-point numbers.");
        var least = 1L << (Config.Channels.Count - 1);
        if (sample.shape[2] < least || sample.shape[3] < least)
            throw new ShapeException($"sample is {sample.shape[2]}x{sample.shape[3]}; {Config.Channels.Count} levels need sides of at least {least}.");
        if (text is null) return;
        if (text.ndim != 3 || text.shape[0] != sample.shape[0] || Config.Context.Any(width => width != text.shape[2]))
            throw new ShapeException($"encoder_hidden_states is [{string.Join(", ", text.shape)}]; expected [{sample.shape[0]}, tokens, {string.Join("/", Config.Context.Distinct())}].");
    }
}
