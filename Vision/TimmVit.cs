using System.Text.Json;
using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// timm's VisionTransformer: its ViT, DeiT, DeiT III, CLIP, SigLIP and DINOv2 architectures and whatever <c>model_args</c> make of them.
/// The checkpoint's <c>architecture</c> settles what its <c>config.json</c> leaves out, ε and activation among it. Other picture sizes
/// interpolate the positions bicubically with antialiasing, as the reference does.
/// </summary>
public sealed class TimmVitFamily : ModelFamily<TimmVitConfig>
{
    private static readonly Lazy<IReadOnlyDictionary<string, JsonElement>> s_table = new(() => TimmArguments.Table("vit"));

    /// <inheritdoc/>
    public override string Name => "timm_vit";

    /// <inheritdoc/>
    protected override TimmVitConfig TinyConfig => new()
    {
        Stack = new()
        {
            Width = 16,
            Layers = 2,
            Heads = 2,
            Hidden = 24,
            Patch = 4,
            Rows = 4,
            Columns = 4,
            Eps = 1e-6,
            Registers = 2,
            Positions = VitPositions.Patches,
            HeadNorm = true,
            LayerScale = true,
            PreNorm = true,
            PatchBias = false,
        },
        Pool = TimmPool.Attention,
        PoolHidden = 24,
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.Config.TryGetProperty("architecture", out _) && s_table.Value.ContainsKey(folder.Architecture);

    /// <inheritdoc/>
    protected override TimmVitConfig ReadConfig(ModelFolder folder) => TimmVitConfig.Read(TimmArguments.Read(folder, s_table.Value));

    /// <inheritdoc/>
    protected override HookedModel Build(TimmVitConfig config) => new TimmVit(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(TimmVitConfig config, TensorSource source) =>
        new WeightMap().Timm(config, source).Ignore("pre_logits.*", "timm drops this layer");
}

/// <summary>The model of <see cref="TimmVitFamily"/>: pixel_values [B, C, H, W] to logits, pre_logits and forward_features.</summary>
public sealed class TimmVit : HookedModel, ILogitReadout
{
    private readonly TimmTrunk _trunk;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public TimmVit(TimmVitConfig config) => _trunk = Child("", new TimmTrunk(config));

    /// <inheritdoc/>
    public override IReadOnlyList<string> InputNames { get; } = ["pixel_values"];

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => _trunk.ReadToken;

    /// <inheritdoc/>
    public Norm FinalNorm => _trunk.FinalNorm;

    /// <inheritdoc/>
    public Linear? Readout => _trunk.Readout;

    /// <inheritdoc/>
    protected override TokenLayout? Layout(ModelInput input) => _trunk.LayoutOf(input["pixel_values"]);

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var (features, pooled, logits) = _trunk.Forward(input["pixel_values"], run);
        return new ModelOutput().With("logits", logits).With("pre_logits", pooled).With("forward_features", features);
    }
}
