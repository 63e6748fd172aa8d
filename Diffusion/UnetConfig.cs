namespace Prisma.Diffusion;

/// <summary>What stands at the bottom of a U-net.</summary>
public enum UnetMid
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>One residual block.</summary>
    Plain,
    /// <summary>Attention between two residual blocks.</summary>
    Attends,
    /// <summary>Two residual blocks.</summary>
    Pair,
}

/// <summary>
/// What of a UNet2DConditionModel's or UNet2DModel's configuration enters the forward pass. Lists have one entry per level, from the picture's own size down;
/// those of the way up go from the bottom up. The defaults are the reference's.
/// </summary>
public sealed partial record UnetConfig
{
    /// <summary>Channels of the latent that is read.</summary>
    public int Inputs { get; init; } = 4;

    /// <summary>Channels of the prediction.</summary>
    public int Outputs { get; init; } = 4;

    /// <summary>The side of the latent that the model was trained on; 0 where the file does not say.</summary>
    public int Side { get; init; }

    /// <summary>Whether the sample is mapped from [0, 1] to [−1, 1] first.</summary>
    public bool CentresSample { get; init; }

    /// <summary>Channels of each level.</summary>
    public required IReadOnlyList<int> Channels { get; init; }

    /// <summary>Residual blocks of each level on the way down; one more on the way up.</summary>
    public required IReadOnlyList<int> Layers { get; init; }

    /// <summary>Which levels attend on the way down.</summary>
    public required IReadOnlyList<bool> DownAttends { get; init; }

    /// <summary>Which levels attend on the way up.</summary>
    public required IReadOnlyList<bool> UpAttends { get; init; }

    /// <summary>What stands at the bottom.</summary>
    public UnetMid Mid { get; init; } = UnetMid.Attends;

    /// <summary>What the sums of the residual blocks at the bottom are divided by.</summary>
    public double MidScale { get; init; } = 1;

    /// <summary>Heads of each level: what the configuration calls <c>attention_head_dim</c>.</summary>
    public required IReadOnlyList<int> Heads { get; init; }

    /// <summary>Layers of the transformers of each level on the way down: one number for a level, or one for each of its transformers.</summary>
    public IReadOnlyList<TransformerDepths> TransformerLayers { get; init; } = [];

    /// <summary>Layers of the transformers of each level on the way up.</summary>
    public IReadOnlyList<TransformerDepths> UpTransformerLayers { get; init; } = [];

    /// <summary>The width of the text's tokens at each level; empty for U-nets that read no text, whose levels attend to their own cells alone.</summary>
    public IReadOnlyList<int> Context { get; init; } = [];

    /// <summary>Levels whose first attention, too, reads the text; empty: none.</summary>
    public IReadOnlyList<bool> ReadsTextTwice { get; init; } = [];

    /// <summary>Whether transformers project tokens by matrices instead of channels by 1×1 convolutions.</summary>
    public bool LinearProjection { get; init; }

    /// <summary>Whether attention scores are computed in float32 whatever the model's type.</summary>
    public bool UpcastAttention { get; init; }

    /// <summary>Whether the time scales and shifts what residual blocks normalise, instead of being added.</summary>
    public bool TimeScales { get; init; }

    /// <summary>Padding of the convolutions that halve the sides; 0 pads below and to the right only.</summary>
    public int DownsamplePadding { get; init; } = 1;

    /// <summary>Groups of the norms.</summary>
    public int Groups { get; init; } = 32;

    /// <summary>ε of the norms in residual blocks and before the output.</summary>
    public double Eps { get; init; } = 1e-5;

    /// <summary>The activation's name.</summary>
    public string Activation { get; init; } = "silu";

    /// <summary>Cosines before sines in the waves of time steps and sizes.</summary>
    public bool CosineFirst { get; init; } = true;

    /// <summary>Shift of the waves' frequencies.</summary>
    public double FrequencyShift { get; init; }

    /// <summary>The width of the time embedding.</summary>
    public required int TimeWidth { get; init; }

    /// <summary>The width of an embedding of the guidance's strength that the time embedding reads, as consistency models do; 0 where none is read.</summary>
    public int GuidanceWidth { get; init; }

    /// <summary>The number of classes that the model can be asked for; 0: it knows none.</summary>
    public int Classes { get; init; }

    /// <summary>Groups of the norm before the attention at the bottom of U-nets without text; 0: no norm.</summary>
    public int MidAttentionGroups { get; init; }

    /// <summary>Waves for each of the picture's sizes; 0 where neither pooled text nor sizes are read.</summary>
    public int AddedWaves { get; init; }

    /// <summary>The width of pooled text and all sizes' waves together; 0 where they are not read.</summary>
    public int AddedWidth { get; init; }

    /// <summary>The first convolution's kernel.</summary>
    public int InKernel { get; init; } = 3;

    /// <summary>The last convolution's kernel.</summary>
    public int OutKernel { get; init; } = 3;

    /// <summary>Whether the U-net reads a text.</summary>
    public bool ReadsText => Context.Count > 0;

    internal ResnetOptions Resnet(int inputs, int outputs) => new(inputs, outputs, TimeWidth, Groups, Eps, Activation) { TimeScales = TimeScales };

    /// <summary>What mixes the cells of a level: a transformer that reads the text, or attention to the cells alone.</summary>
    internal CellMixer Mixer(int level, int layers) => ReadsText
        ? new SpatialTransformer(Transformer(level, layers) with { ReadsTextTwice = ReadsTextTwice.Count > 0 && ReadsTextTwice[level] })
        : new CellAttention(Attention(level, Groups));

    /// <summary>The same for the bottom.</summary>
    internal CellMixer MidMixer() => ReadsText
        ? new SpatialTransformer(Transformer(Channels.Count - 1, TransformerLayers[^1][0]))
        : new CellAttention(Attention(Channels.Count - 1, MidAttentionGroups) with { Scale = MidScale });

    private CellAttentionOptions Attention(int level, int groups) => new(Channels[level], Heads[level], groups, Eps);

    private SpatialTransformerOptions Transformer(int level, int layers) => new()
    {
        Channels = Channels[level],
        Heads = Heads[level],
        Context = Context[level],
        Layers = layers,
        Groups = Groups,
        LinearProjection = LinearProjection,
        Upcast = UpcastAttention,
    };
}
