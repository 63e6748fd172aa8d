using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Video;

/// <summary>
/// ViViT with a factorised encoder (Arnab et al. 2021, model 2): a transformer over the tubelets of each time step, then one over what the
/// class tokens of all steps have read. Weights have the names of its authors' library scenic, the levels of the tree joined by dots
/// (<c>SpatialTransformer.encoderblock_0.LayerNorm_0.scale</c>), kernels as [inputs, outputs]; scenic stores no <c>config.json</c>: it is
/// written beside them with the keys of Hugging Face's ViViT, <c>"model_type": "vivit_factorised"</c> and <c>num_temporal_layers</c>.
/// </summary>
public sealed class VivitFactorisedFamily : ModelFamily<VivitConfig>
{
    /// <inheritdoc/>
    public override string Name => "vivit_factorised";

    /// <inheritdoc/>
    protected override VivitConfig TinyConfig => new() { Width = 16, Layers = 2, TemporalLayers = 2, Heads = 2, Hidden = 24, Tubelet = [2, 4, 4], Image = 16, Frames = 4, Head = VivitHead.Classifier, Classes = 5 };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == Name;

    /// <inheritdoc/>
    protected override VivitConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile));
        var config = VivitConfig.Sizes(json, folder, classifies: true) with { TemporalLayers = json.Int("num_temporal_layers", 4) };
        json.Require(config.Width % config.Heads == 0, $"{config.Heads} heads do not divide the width {config.Width}");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(VivitConfig config) => new VivitFactorised(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(VivitConfig config, TensorSource source) => new WeightMap()
        .Copy("patch.weight", "embedding.kernel", kernel => kernel.permute(4, 3, 0, 1, 2)).Copy("patch.bias", "embedding.bias")
        .Under("spatial.", "SpatialTransformer.", map => Encoder(map, config.Layers)).Copy("spatial.cls_token", "cls_SpatialTransformer")
        .Under("temporal.", "TemporalTransformer.", map => Encoder(map, config.TemporalLayers)).Copy("temporal.cls_token", "cls_TemporalTransformer")
        .Copy("head.weight", "output_projection.kernel", Turned).Copy("head.bias", "output_projection.bias");

    private static void Encoder(WeightMap map, int layers)
    {
        map.Copy("pos_embed", "posembed_input.pos_embedding").Copy("ln_final.weight", "encoder_norm.scale").Copy("ln_final.bias", "encoder_norm.bias")
            .PerBlock(layers, "blocks.{i}.", "encoderblock_{i}.", block =>
            {
                const string Attention = "MultiHeadDotProductAttention_0.", Mlp = "MlpBlock_0.Dense_";
                block.Copy("ln1.weight", "LayerNorm_0.scale").Copy("ln1.bias", "LayerNorm_0.bias").Copy("ln2.weight", "LayerNorm_1.scale").Copy("ln2.bias", "LayerNorm_1.bias")
                    .Stack("attn.qkv.weight", Reading, Attention + "query.kernel", Attention + "key.kernel", Attention + "value.kernel")
                    .Stack("attn.qkv.bias", bias => bias.flatten(), Attention + "query.bias", Attention + "key.bias", Attention + "value.bias")
                    .Copy("attn.out.weight", Attention + "out.kernel", kernel => kernel.flatten(0, 1).t()).Copy("attn.out.bias", Attention + "out.bias")
                    .Copy("mlp.in.weight", Mlp + "0.kernel", Turned).Copy("mlp.in.bias", Mlp + "0.bias")
                    .Copy("mlp.out.weight", Mlp + "1.kernel", Turned).Copy("mlp.out.bias", Mlp + "1.bias");
            });

        // [d, H, k] → [H·k, d].
        static Tensor Reading(Tensor kernel) => kernel.flatten(1).t();
    }

    private static Tensor Turned(Tensor kernel) => kernel.t();
}

/// <summary>
/// The model of <see cref="VivitFactorisedFamily"/>: pixel_values [B, T, C, H, W] to logits. The part <c>spatial</c> has the tokens of one
/// time step on its token axis and steps on the batch axis, [B·T', 1 + h·w, d]; the part <c>temporal</c> has one token for each step,
/// [B, 1 + T', d].
/// </summary>
public sealed class VivitFactorised : HookedModel, IStepwiseVideo, ILogitReadout
{
    private const string Spatial = "spatial", Temporal = "temporal";

    private readonly VivitConfig _config;
    private readonly TubeletEmbed _patch;
    private readonly VivitEncoder _spatial, _temporal;
    private readonly Linear _head;
    private readonly HookPoint _postHead;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public VivitFactorised(VivitConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        _config = config;
        _patch = Child("patch", new TubeletEmbed(config.Channels, config.Width, config.Tubelet[0], config.Tubelet[1], config.Tubelet[2]));
        _spatial = PartChild(Spatial, new VivitEncoder(config, config.Layers, config.Patches));
        _temporal = PartChild(Temporal, new VivitEncoder(config, config.TemporalLayers, config.Steps));
        _head = Child("head", new Linear(config.Width, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    /// <inheritdoc/>
    public int ClipFrames => _config.Frames;

    /// <inheritdoc/>
    public string StepPart => Spatial;

    /// <inheritdoc/>
    public string ClipPart => Temporal;

    /// <inheritdoc/>
    public string ReadoutPart => Temporal;

    /// <inheritdoc/>
    public int? ReadToken => 0;

    /// <inheritdoc/>
    public Norm FinalNorm => _temporal.Norm;

    /// <inheritdoc/>
    public Linear? Readout => _head;

    /// <summary>How the tubelets at <see cref="Site.Embed"/> lie on the clip; the encoders' tokens are those of single steps, and steps.</summary>
    protected override TokenLayout? Layout(ModelInput input)
    {
        using var clip = Clip(input);
        return _patch.LayoutOf(clip, prefix: 0);
    }

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        using var clip = Clip(input);
        ClipPixels.RequireSize(clip, "pixel_values", _config.Frames, _config.Image, _config.Image);
        var (batch, width) = (clip.shape[0], (long)_config.Width);
        var tubelets = _patch.Forward(clip, run).reshape(batch * _config.Steps, _config.Patches, width);
        var steps = _spatial.Forward(tubelets, run).select(1, 0).reshape(batch, _config.Steps, width);
        var x = _temporal.Forward(steps, run);
        return new ModelOutput().With("logits", _postHead.Pass(_head.Forward(x.select(1, 0)), run)).With("last_hidden_state", x);
    }

    private Tensor Clip(ModelInput input) => ClipPixels.ChannelsFirst(input["pixel_values"], "pixel_values", _config.Channels, ClipOrder.FramesFirst);
}

/// <summary>One of the two encoders: a class token, learned positions, pre-norm blocks with tanh-GELU, a final norm.</summary>
public sealed class VivitEncoder : Module
{
    private readonly Weight _cls, _pos;
    private readonly HookPoint _posEmbed, _fullEmbed, _lnFinal;
    private readonly Block[] _blocks;

    internal VivitEncoder(VivitConfig config, int layers, int tokens)
    {
        _cls = Declare("cls_token", 1, 1, config.Width);
        _pos = Declare("pos_embed", 1, 1 + tokens, config.Width);
        _posEmbed = Point(Site.PosEmbed);
        _fullEmbed = Point(Site.FullEmbed);
        _blocks = [.. Enumerable.Range(0, layers).Select(i => BlockChild($"blocks.{i}", i, new Block(
            new Attention(new AttentionOptions { Width = config.Width, Heads = config.Heads }),
            new Mlp(config.Width, config.Hidden, Activation.Named(config.Activation)),
            LayerNorm.With(config.Eps))))];
        Norm = Child("ln_final", new LayerNorm(config.Width, config.Eps, Site.FinalScale, Site.FinalNormalized));
        _lnFinal = Point(Site.LnFinal);
    }

    /// <summary>The final norm.</summary>
    public LayerNorm Norm { get; }

    /// <summary>Maps tokens [B, P, d] to the normalised stream [B, 1 + P, d], class token first.</summary>
    public Tensor Forward(Tensor tokens, HookRun run)
    {
        using var scope = NewDisposeScope();
        var x = cat([_cls.Value.expand(tokens.shape[0], 1, tokens.shape[2]), tokens], 1);
        x = _fullEmbed.Pass(x + _posEmbed.Pass(_pos.Value, run), run);
        foreach (var block in _blocks) x = block.Forward(x, run);
        return _lnFinal.Pass(Norm.Forward(x, run), run).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override void Process(ProcessingStep step)
    {
        if (step == ProcessingStep.CenterWriting) Processing.Center(_pos);
    }
}
