using Prisma.Core;

namespace Prisma.Vision;

/// <summary>What of a Hugging Face DeiT's configuration enters the forward pass.</summary>
public sealed record DeitConfig
{
    /// <summary>The stack.</summary>
    public required VitStackConfig Stack { get; init; }

    /// <summary>What sits on the final norm.</summary>
    public DeitHead Head { get; init; }

    /// <summary>Classes of the classifiers; 0 where there is none.</summary>
    public int Classes { get; init; }
}

/// <summary>What a DeiT has on top.</summary>
public enum DeitHead
{
    /// <summary>Nothing: the normalised stream is the output.</summary>
    None,
    /// <summary>tanh of a dense layer on the class token.</summary>
    Pooler,
    /// <summary>A linear classifier on the class token.</summary>
    Classifier,
    /// <summary>A classifier on the class token and one on the distillation token, averaged.</summary>
    BothTokens,
}

/// <summary>
/// DeiT in the Hugging Face layout (Touvron et al. 2020): DeiTModel, DeiTForImageClassification, DeiTForImageClassificationWithTeacher. A
/// ViT with a distillation token after the class token, whichever head there is. Other picture sizes interpolate the positions
/// bicubically without antialiasing, as the reference does.
/// </summary>
public sealed class DeitFamily : ModelFamily<DeitConfig>
{
    /// <inheritdoc/>
    public override string Name => "deit";

    /// <inheritdoc/>
    protected override DeitConfig TinyConfig => new()
    {
        Stack = new() { Width = 16, Layers = 2, Heads = 2, Hidden = 24, Patch = 4, Rows = 4, Columns = 4, Eps = 1e-12, DistillationToken = true },
        Head = DeitHead.BothTokens,
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "deit";

    /// <inheritdoc/>
    protected override DeitConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("encoder_stride", "pooler_output_size");
        json.Require(folder.Architecture is "DeiTModel" or "DeiTForImageClassification" or "DeiTForImageClassificationWithTeacher" or "",
            $"the architecture '{folder.Architecture}' is not built; DeiTModel, DeiTForImageClassification and DeiTForImageClassificationWithTeacher are");
        json.Require(json.Text("pooler_act", "tanh") == "tanh", "only a tanh pooler is built");
        var head = folder.Architecture switch
        {
            "DeiTForImageClassification" => DeitHead.Classifier,
            "DeiTForImageClassificationWithTeacher" => DeitHead.BothTokens,
            _ => DeitHead.None,
        };
        var stack = HuggingFaceVit.Read(json, eps: 1e-12) with { DistillationToken = true };
        stack.Check(json);
        json.Finish();
        return new DeitConfig { Stack = stack, Head = head, Classes = head == DeitHead.None ? 0 : HuggingFaceVit.Classes(folder) };
    }

    /// <inheritdoc/>
    protected override HookedModel Build(DeitConfig config) => new Deit(config);

    /// <inheritdoc/>
    protected override DeitConfig Settle(DeitConfig config, TensorSource source) =>
        config.Head == DeitHead.None && source.Contains(VitWeights.Prefix(source, "deit.") + "pooler.dense.weight") ? config with { Head = DeitHead.Pooler } : config;

    /// <inheritdoc/>
    protected override WeightMap Weights(DeitConfig config, TensorSource source)
    {
        var prefix = VitWeights.Prefix(source, "deit.");
        var map = new WeightMap().Under("", prefix, body => body
            .Copy("cls_token", "embeddings.cls_token").Copy("dist_token", "embeddings.distillation_token")
            .HuggingFaceEmbeddings().HuggingFaceEncoder(config.Stack)
            .Pair("ln_final", "layernorm"));
        if (config.Head != DeitHead.Pooler) map.Ignore(prefix + "pooler.*", "the classifiers read the tokens themselves");
        return config.Head switch
        {
            DeitHead.Pooler => map.Pair("head", prefix + "pooler.dense"),
            DeitHead.Classifier => map.Pair("head", "classifier"),
            DeitHead.BothTokens => map.Pair("head", "cls_classifier").Pair("head_dist", "distillation_classifier"),
            _ => map,
        };
    }
}

/// <summary>The model of <see cref="DeitFamily"/>: pixel_values [B, C, H, W] to logits, or to the last hidden state.</summary>
public sealed class Deit : VitModel, ILogitReadout
{
    private readonly DeitHead _kind;
    private readonly ClosingNorm _norm;
    private readonly Linear? _head, _distilled;
    private readonly HookPoint? _postHead;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public Deit(DeitConfig config) : base(config.Stack)
    {
        var width = config.Stack.Width;
        _kind = config.Head;
        _norm = Child("ln_final", new ClosingNorm(width, config.Stack.Norm));
        if (config.Head == DeitHead.None) return;
        _head = Child("head", new Linear(width, config.Head == DeitHead.Pooler ? width : config.Classes));
        if (config.Head == DeitHead.BothTokens) _distilled = Child("head_dist", new Linear(width, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => 0;

    /// <inheritdoc/>
    public Norm FinalNorm => _norm.Norm;

    /// <inheritdoc/>
    public Linear? Readout => _kind is DeitHead.Classifier or DeitHead.BothTokens ? _head : null;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = _norm.Forward(Stack.Forward(input["pixel_values"], run), run);
        if (_head is null || _postHead is null) return new ModelOutput().With("last_hidden_state", x);
        var read = _head.Forward(x.select(1, 0));
        if (_distilled is not null)
        {
            var distilled = _distilled.Forward(x.select(1, 1));
            return new ModelOutput().With("logits", _postHead.Pass((read + distilled) / 2, run))
                .With("cls_logits", read).With("distillation_logits", distilled).With("last_hidden_state", x);
        }
        read = _postHead.Pass(read, run);
        return _kind == DeitHead.Classifier
            ? new ModelOutput().With("logits", read).With("last_hidden_state", x)
            : new ModelOutput().With("last_hidden_state", x).With("pooler_output", read.tanh());
    }
}
