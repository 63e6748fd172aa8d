using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>What of a Hugging Face DINOv2's configuration enters the forward pass.</summary>
public sealed record Dinov2Config
{
    /// <summary>The stack.</summary>
    public required VitStackConfig Stack { get; init; }

    /// <summary>Classes of the classifier; 0 where there is none.</summary>
    public int Classes { get; init; }
}

/// <summary>
/// DINOv2 in the Hugging Face layout (Oquab et al. 2023), with and without register tokens: Dinov2Model, Dinov2ForImageClassification,
/// Dinov2WithRegistersModel, Dinov2WithRegistersForImageClassification. Layer scale, MLP or SwiGLU; the registers have no positions. Other
/// picture sizes interpolate the positions bicubically, with antialiasing where there are registers, as the references do.
/// </summary>
public sealed class Dinov2Family : ModelFamily<Dinov2Config>
{
    /// <inheritdoc/>
    public override string Name => "dinov2";

    /// <inheritdoc/>
    protected override Dinov2Config TinyConfig => new()
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
            Positions = VitPositions.ClassAndPatches,
            LayerScale = true,
            Gated = true,
            Activation = "silu",
        },
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType is "dinov2" or "dinov2_with_registers";

    /// <inheritdoc/>
    protected override Dinov2Config ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("layerscale_value");
        var registers = folder.ModelType == "dinov2_with_registers";
        var classifies = folder.Architecture is "Dinov2ForImageClassification" or "Dinov2WithRegistersForImageClassification";
        json.Require(classifies || folder.Architecture is "Dinov2Model" or "Dinov2WithRegistersModel" or "",
            $"the architecture '{folder.Architecture}' is not built; Dinov2Model, Dinov2ForImageClassification and the same with registers are");
        var gated = json.Bool("use_swiglu_ffn", false);
        var stack = HuggingFaceVit.Read(json, eps: 1e-6, mlpRatio: true);
        stack = stack with
        {
            Positions = VitPositions.ClassAndPatches,
            Registers = registers ? json.AnyInt("num_register_tokens", 4) : 0,
            Antialias = registers,
            LayerScale = true,
            Gated = gated,
            Hidden = gated ? ((int)(stack.Hidden * 2 / 3.0) + 7) / 8 * 8 : stack.Hidden,
            Activation = gated ? "silu" : stack.Activation,
        };
        json.Require(stack.Registers >= 0, $"'num_register_tokens' is {stack.Registers}");
        stack.Check(json);
        json.Finish();
        return new Dinov2Config { Stack = stack, Classes = classifies ? HuggingFaceVit.Classes(folder) : 0 };
    }

    /// <inheritdoc/>
    protected override HookedModel Build(Dinov2Config config) => new Dinov2(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(Dinov2Config config, TensorSource source)
    {
        var prefix = VitWeights.Prefix(source, "dinov2_with_registers.");
        if (prefix.Length == 0) prefix = VitWeights.Prefix(source, "dinov2.");
        var map = new WeightMap().Under("", prefix, body =>
        {
            body.Copy("cls_token", "embeddings.cls_token").HuggingFaceEmbeddings().Pair("ln_final", "layernorm");
            if (config.Stack.Registers > 0) body.Copy("reg_token", "embeddings.register_tokens");
            body.PerBlock(config.Stack.Layers, "blocks.{i}.", "encoder.layer.{i}.", block =>
            {
                var (into, outOf) = config.Stack.Gated ? ("weights_in", "weights_out") : ("fc1", "fc2");
                block.Pair("ln1", "norm1").Pair("ln2", "norm2").HuggingFaceAttention(config.Stack)
                    .Copy("ls1", "layer_scale1.lambda1").Copy("ls2", "layer_scale2.lambda1")
                    .Pair("mlp.in", "mlp." + into).Pair("mlp.out", "mlp." + outOf);
            });
        });
        return config.Classes > 0 ? map.Pair("head", "classifier") : map;
    }
}

/// <summary>
/// The model of <see cref="Dinov2Family"/>: pixel_values [B, C, H, W] to the last hidden state and the class token, or to the logits of a
/// classifier that reads the class token and the mean of the patches side by side.
/// </summary>
public sealed class Dinov2 : VitModel
{
    private readonly ClosingNorm _norm;
    private readonly Linear? _head;
    private readonly HookPoint? _postHead;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public Dinov2(Dinov2Config config) : base(config.Stack)
    {
        _norm = Child("ln_final", new ClosingNorm(config.Stack.Width, config.Stack.Norm));
        if (config.Classes == 0) return;
        _head = Child("head", new Linear(2 * config.Stack.Width, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = _norm.Forward(Stack.Forward(input["pixel_values"], run), run);
        var cls = x.select(1, 0);
        if (_head is null || _postHead is null) return new ModelOutput().With("last_hidden_state", x).With("pooler_output", cls);
        var read = cat([cls, Stack.MeanOfPatches(x)], 1);
        return new ModelOutput().With("logits", _postHead.Pass(_head.Forward(read), run)).With("last_hidden_state", x);
    }
}
