using Prisma.Core;

namespace Prisma.Vision;

/// <summary>What of a Hugging Face BEiT's configuration enters the forward pass.</summary>
public sealed record BeitConfig
{
    /// <summary>The stack.</summary>
    public required VitStackConfig Stack { get; init; }

    /// <summary>Whether the mean of the patches is pooled, and normalised behind that, instead of the normalised class token.</summary>
    public bool MeanPooling { get; init; } = true;

    /// <summary>Classes of the classifier; 0 where there is none.</summary>
    public int Classes { get; init; }
}

/// <summary>
/// BEiT and Data2VecVision in the Hugging Face layout (Bao et al. 2021; Baevski et al. 2022): BeitModel, BeitForImageClassification and the
/// same of Data2VecVision. Relative positions per block or shared, keys without bias, layer scale. Other picture sizes interpolate learned
/// positions bicubically and tables of relative positions bilinearly, without antialiasing, as the reference does.
/// </summary>
public sealed class BeitFamily : ModelFamily<BeitConfig>
{
    /// <inheritdoc/>
    public override string Name => "beit";

    /// <inheritdoc/>
    protected override BeitConfig TinyConfig => new()
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
            Positions = VitPositions.None,
            Relative = RelativePositions.PerBlock,
            LayerScale = true,
        },
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType is "beit" or "data2vec-vision";

    /// <inheritdoc/>
    protected override BeitConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile))
            .Ignore("auxiliary_loss_weight", "auxiliary_channels", "auxiliary_num_convs", "semantic_loss_ignore_index");
        var classifies = folder.Architecture is "BeitForImageClassification" or "Data2VecVisionForImageClassification";
        json.Require(classifies || folder.Architecture is "BeitModel" or "Data2VecVisionModel" or "",
            $"the architecture '{folder.Architecture}' is not built; BeitModel, BeitForImageClassification and the same of Data2VecVision are");
        var (own, shared) = (json.Bool("use_relative_position_bias", false), json.Bool("use_shared_relative_position_bias", false));
        json.Require(!own || !shared, "relative positions per block and shared ones at once are not built");
        var stack = HuggingFaceVit.Read(json, eps: 1e-12) with
        {
            QkvBias = true,
            Positions = json.Bool("use_absolute_position_embeddings", false) ? VitPositions.All : VitPositions.None,
            Relative = own ? RelativePositions.PerBlock : shared ? RelativePositions.Shared : RelativePositions.None,
            LayerScale = json.Double("layer_scale_init_value", 0.1) > 0,
        };
        stack.Check(json);
        var config = new BeitConfig { Stack = stack, MeanPooling = json.Bool("use_mean_pooling", true), Classes = classifies ? HuggingFaceVit.Classes(folder) : 0 };
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(BeitConfig config) => new Beit(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(BeitConfig config, TensorSource source)
    {
        var stack = config.Stack;
        var prefix = VitWeights.Prefix(source, "beit.");
        if (prefix.Length == 0) prefix = VitWeights.Prefix(source, "data2vec_vision.");
        var map = new WeightMap().Under("", prefix, body =>
        {
            const string Table = "relative_position_bias.relative_position_bias_table";
            body.Copy("cls_token", "embeddings.cls_token").Pair("patch", "embeddings.patch_embeddings.projection")
                .Pair("ln_final", config.MeanPooling ? "pooler.layernorm" : "layernorm")
                .Ignore("embeddings.mask_token", "only masked pre-training reads it").Ignore("*relative_position_index", "follows from the grid");
            if (stack.Positions != VitPositions.None) body.Copy("pos_embed", "embeddings.position_embeddings");
            if (stack.Relative == RelativePositions.Shared) body.Copy("relative.table", "encoder." + Table);
            body.PerBlock(stack.Layers, "blocks.{i}.", "encoder.layer.{i}.", block =>
            {
                block.Pair("ln1", "layernorm_before").Pair("ln2", "layernorm_after").Pair("attn.out", "attention.output.dense")
                    .Under("attn.", "attention.attention.", attention => attention
                        .Stack("qkv.weight", "query.weight", "key.weight", "value.weight").Stack("qkv.bias", "query.bias", WeightMap.Zeros, "value.bias"))
                    .Pair("mlp.in", "intermediate.dense").Pair("mlp.out", "output.dense");
                if (stack.LayerScale) block.Copy("ls1", "lambda_1").Copy("ls2", "lambda_2");
                if (stack.Relative == RelativePositions.PerBlock) block.Copy("attn.bias.table", "attention.attention." + Table);
            });
        });
        return config.Classes > 0 ? map.Pair("head", "classifier") : map;
    }
}

/// <summary>The model of <see cref="BeitFamily"/>: pixel_values [B, C, H, W] to logits, or to the last hidden state and the pooled one.</summary>
public sealed class Beit : VitModel, ILogitReadout
{
    private readonly bool _meanPooling;
    private readonly ClosingNorm _norm;
    private readonly Linear? _head;
    private readonly HookPoint? _postHead;

    /// <summary>Declares everything of the configuration, without values.</summary>
    public Beit(BeitConfig config) : base(config.Stack)
    {
        _meanPooling = config.MeanPooling;
        _norm = Child("ln_final", new ClosingNorm(config.Stack.Width, config.Stack.Norm));
        if (config.Classes == 0) return;
        _head = Child("head", new Linear(config.Stack.Width, config.Classes));
        _postHead = Point(Site.PostHead);
    }

    /// <inheritdoc/>
    public string ReadoutPart => "";

    /// <inheritdoc/>
    public int? ReadToken => _meanPooling ? null : 0;

    /// <inheritdoc/>
    public Norm FinalNorm => _norm.Norm;

    /// <inheritdoc/>
    public Linear? Readout => _head;

    /// <inheritdoc/>
    protected override ModelOutput Forward(ModelInput input, HookRun run)
    {
        var x = Stack.Forward(input["pixel_values"], run);
        if (!_meanPooling) x = _norm.Forward(x, run);
        var pooled = _meanPooling ? _norm.ForwardPooled(Stack.MeanOfPatches(x), run) : x.select(1, 0);
        var output = new ModelOutput();
        if (_head is not null && _postHead is not null) output.With("logits", _postHead.Pass(_head.Forward(pooled), run));
        return output.With("last_hidden_state", x).With("pooler_output", pooled);
    }
}
