using Prisma.Core;

namespace Prisma.Vision;

/// <summary>What of a Hugging Face I-JEPA's configuration enters the forward pass.</summary>
public sealed record IjepaConfig
{
    /// <summary>The stack.</summary>
    public required VitStackConfig Stack { get; init; }

    /// <summary>Classes of the classifier; 0 where there is none.</summary>
    public int Classes { get; init; }
}

/// <summary>
/// The encoder of I-JEPA in the Hugging Face layout (Assran et al. 2023): IJepaModel, IJepaForImageClassification. A ViT without class
/// token; the classifier reads the mean of the patches. Other picture sizes interpolate the positions bicubically without antialiasing, as
/// the reference does.
/// </summary>
public sealed class IjepaFamily : ModelFamily<IjepaConfig>
{
    /// <inheritdoc/>
    public override string Name => "ijepa";

    /// <inheritdoc/>
    protected override IjepaConfig TinyConfig => new()
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
            Eps = 1e-12,
            ClassToken = false,
            Positions = VitPositions.Patches,
        },
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "ijepa";

    /// <inheritdoc/>
    protected override IjepaConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("pooler_output_size");
        var classifies = folder.Architecture == "IJepaForImageClassification";
        json.Require(classifies || folder.Architecture is "IJepaModel" or "", $"the architecture '{folder.Architecture}' is not built; IJepaModel and IJepaForImageClassification are");
        var stack = HuggingFaceVit.Read(json, eps: 1e-12) with { ClassToken = false, Positions = VitPositions.Patches };
        stack.Check(json);
        json.Finish();
        return new IjepaConfig { Stack = stack, Classes = classifies ? HuggingFaceVit.Classes(folder) : 0 };
    }

    /// <inheritdoc/>
    protected override HookedModel Build(IjepaConfig config) => new Ijepa(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(IjepaConfig config, TensorSource source)
    {
        var map = new WeightMap().Under("", VitWeights.Prefix(source, "ijepa."), body => body
            .HuggingFaceEmbeddings().HuggingFaceEncoder(config.Stack).Pair("ln_final", "layernorm"));
        return config.Classes > 0 ? map.Pair("head", "classifier") : map;
    }
}

/// <summary>The model of <see cref="IjepaFamily"/>: pixel_values [B, C, H, W] to logits, or to the last hidden state.</summary>
public sealed class Ijepa : VitModel, ILogitReadout
{
    private readonly ClosingNorm _norm;
    private readonly Linear? _head;
    private readonly HookPoint? _postHead;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public Ijepa(IjepaConfig config) : base(config.Stack)
    {
        _norm = Child("ln_final", new ClosingNorm(config.Stack.Width, config.Stack.Norm));
        if (config.Classes == 0) return;
        _head = Child("head", new Linear(config.Stack.Width, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => null;

    /// <inheritdoc/>
    public Norm FinalNorm => _norm.Norm;

    /// <inheritdoc/>
    public Linear? Readout => _head;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = _norm.Forward(Stack.Forward(input["pixel_values"], run), run);
        return _head is null || _postHead is null
            ? new ModelOutput().With("last_hidden_state", x)
            : new ModelOutput().With("logits", _postHead.Pass(_head.Forward(Stack.MeanOfPatches(x)), run)).With("last_hidden_state", x);
    }
}
