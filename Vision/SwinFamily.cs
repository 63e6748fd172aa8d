using Prisma.Core;
using static TorchSharp.torch;

namespace Prisma.Vision;

/// <summary>
/// Swin Transformer in the Hugging Face layout: SwinModel, SwinForImageClassification. Pictures of other sizes are cut into more windows, as
/// in the reference; learned absolute positions are not built.
/// </summary>
public sealed class SwinFamily : ModelFamily<SwinConfig>
{
    /// <summary>Where a block keeps queries, keys and values.</summary>
    internal const string Self = "attention.self.";

    /// <inheritdoc/>
    public override string Name => "swin";

    /// <inheritdoc/>
    protected override SwinConfig TinyConfig => new()
    {
        Width = 8,
        Depths = [2, 2],
        Heads = [2, 2],
        Windows = [(3, 3), (2, 2)],
        Shifts = [(1, 1), (1, 1)],
        Patch = 2,
        MlpRatio = 2,
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.ModelType == "swin";

    /// <inheritdoc/>
    protected override SwinConfig ReadConfig(ModelFolder folder)
    {
        var json = Open(folder, "SwinModel", "SwinForImageClassification");
        var (depths, heads) = (json.Ints("depths", [2, 2, 6, 2]), json.Ints("num_heads", [3, 6, 12, 24]));
        json.Require(depths.Count == heads.Count, $"'depths' names {depths.Count} stages, 'num_heads' {heads.Count}").Check();
        var (window, patch) = (json.Side("window_size", 7), json.Side("patch_size", 4));
        json.Sides("image_size", 224);
        var config = new SwinConfig
        {
            Width = json.Int("embed_dim", 96),
            Depths = depths,
            Heads = heads,
            Windows = [.. depths.Select(_ => (window, window))],
            Shifts = [.. depths.Select(_ => (window / 2, window / 2))],
            PadsFirst = true,
            MlpRatio = json.Double("mlp_ratio", 4),
            Patch = patch,
            Channels = json.Int("num_channels", 3),
            Activation = json.Activation("hidden_act", "gelu"),
            Eps = json.Double("layer_norm_eps", 1e-5),
            QkvBias = json.Bool("qkv_bias", true),
            Classes = Classifies(folder) ? HuggingFaceVit.Classes(folder) : 0,
        };
        config.Check(json);
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override HookedModel Build(SwinConfig config) => new Swin(config, Outputs);

    /// <inheritdoc/>
    protected override WeightMap Weights(SwinConfig config, TensorSource source) => Map(config, source, "swin.", block =>
    {
        block.Copy("bias_table", Self + "relative_position_bias_table");
        if (config.QkvBias) block.Stack("attn.qkv.bias", Self + "query.bias", Self + "key.bias", Self + "value.bias");
    });

    /// <summary>Whether a folder's model ends in a classifier.</summary>
    internal static bool Classifies(ModelFolder folder) => folder.Architecture.EndsWith("ForImageClassification", StringComparison.Ordinal);

    /// <summary>Begins to read a configuration of either version.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="plain">The architecture without a classifier.</param>
    /// <param name="classifier">The architecture with one.</param>
    internal static ConfigReader Open(ModelFolder folder, string plain, string classifier) =>
        new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile)).Ignore("encoder_stride", "hidden_size", "num_layers")
            .Require(folder.Architecture == classifier || folder.Architecture == plain || folder.Architecture.Length == 0, $"the architecture '{folder.Architecture}' is not built; {plain} and {classifier} are")
            .RefuseSwitchedOn("use_absolute_embeddings");

    /// <summary>What both versions of Swin call alike.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">What stands before the names where there is a classifier.</param>
    /// <param name="attention">Adds to a block what its version's attention calls its own.</param>
    internal static WeightMap Map(SwinConfig config, TensorSource source, string name, Action<WeightMap> attention)
    {
        var map = new WeightMap().Under("", VitWeights.Prefix(source, name), body =>
        {
            body.Pair("patch", "embeddings.patch_embeddings.projection").Pair("ln_pre", "embeddings.norm").Pair("ln_final", "layernorm")
                .Ignore("embeddings.mask_token", "only masked pre-training reads it").Ignore("*relative_position_index", "follows from the window");
            for (var (stage, number) = (0, 0); stage < config.Depths.Count; stage++)
            {
                // The reference merges at the end of a stage.
                if (stage > 0) body.Pair($"merge.{stage}.ln", $"encoder.layers.{stage - 1}.downsample.norm").Copy($"merge.{stage}.reduction.weight", $"encoder.layers.{stage - 1}.downsample.reduction.weight");
                for (var i = 0; i < config.Depths[stage]; i++, number++)
                    body.Under($"blocks.{number}.", $"encoder.layers.{stage}.blocks.{i}.", block =>
                    {
                        block.Pair("ln1", "layernorm_before").Pair("ln2", "layernorm_after")
                            .Stack("attn.qkv.weight", Self + "query.weight", Self + "key.weight", Self + "value.weight").Pair("attn.out", "attention.output.dense")
                            .Pair("mlp.in", "intermediate.dense").Pair("mlp.out", "output.dense");
                        attention(block);
                    });
            }
        });
        return config.Classes > 0 ? map.Pair("head", "classifier") : map;
    }

    /// <summary>What the reference returns.</summary>
    internal static ModelOutput Outputs(Tensor x, Tensor pooled, Tensor? logits, TokenLayout layout)
    {
        var output = new ModelOutput();
        if (logits is not null) output.With("logits", logits);
        return output.With("last_hidden_state", x).With("pooler_output", pooled);
    }
}
