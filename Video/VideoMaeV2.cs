using Prisma.Core;

namespace Prisma.Video;

/// <summary>
/// VideoMAE V2 in its authors' layout (Wang et al. 2023, OpenGVLab/VideoMAEv2): the network of VideoMAE with the names of timm, clips as
/// [B, C, T, H, W]; layer scales, cosine attention and learned positions where the configuration asks for them. Read are the hub's folders,
/// with the sizes in <c>model_config</c>, and the repository's own <c>.pth</c> files: renamed to <c>pytorch_model.bin</c>, beside a
/// <c>config.json</c> as the hub's. Of a pre-training checkpoint the encoder is run, on all tokens; its decoder is left out.
/// </summary>
public sealed class VideoMaeV2Family : ModelFamily<VideoMaeConfig>
{
    // As the reference writes ln 100: a factor at its limit is 100.003.
    private const double CosineLimit = 4.6052;

    private const string Anchor = "patch_embed.proj.weight", PreTraining = "encoder.";

    /// <inheritdoc/>
    public override string Name => "videomae_v2";

    /// <inheritdoc/>
    protected override VideoMaeConfig TinyConfig => new()
    {
        Width = 16,
        Layers = 2,
        Heads = 2,
        Hidden = 24,
        Patch = (4, 4),
        Image = (16, 16),
        Frames = 4,
        Tubelet = 2,
        Eps = 1e-6,
        MeanEps = 1e-6,
        Pooled = true,
        LayerScale = true,
        CosineLimit = CosineLimit,
        LearnedPositions = true,
        Order = ClipOrder.ChannelsFirst,
        Classes = 5,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) =>
        folder.ModelType.StartsWith("VideoMAEv2", StringComparison.Ordinal) || folder.Architecture.StartsWith("VideoMAEv2", StringComparison.Ordinal);

    /// <inheritdoc/>
    protected override VideoMaeConfig ReadConfig(ModelFolder folder)
    {
        var file = Path.Combine(folder.Path, folder.ConfigFile);
        var outer = new ConfigReader(folder.Config, file);
        var inner = outer.Object("model_config");
        outer.Finish();
        var json = new ConfigReader(inner, $"{file}, model_config")
            .Ignore("drop_rate", "attn_drop_rate", "head_drop_rate", "init_scale")
            .RequireText("norm_layer", "nn.LayerNorm")
            .RefuseSwitchedOn("qk_scale");
        var (width, eps) = (json.Int("embed_dim", 768), json.Double("layer_norm_eps", 1e-6));
        var config = new VideoMaeConfig
        {
            Width = width,
            Layers = json.Int("depth", 12),
            Heads = json.Int("num_heads", 12),
            Hidden = (int)(width * json.Double("mlp_ratio", 4)),
            Patch = json.Sides("patch_size", 16),
            Image = json.Sides("img_size", 224),
            Frames = json.Int("num_frames", json.Int("all_frames", 16)),
            Tubelet = json.Int("tubelet_size", 2),
            Channels = json.Int("in_chans", 3),
            Eps = eps,
            MeanEps = eps,
            QkvBias = json.Bool("qkv_bias", false),
            MeanPooling = json.Bool("use_mean_pooling", true),
            Pooled = true,
            LayerScale = json.Double("init_values", 0) > 0,
            CosineLimit = json.Bool("cos_attn", false) ? CosineLimit : null,
            LearnedPositions = json.Bool("use_learnable_pos_emb", false),
            Order = ClipOrder.ChannelsFirst,
            Classes = json.AnyInt("num_classes", 1000),
        };
        json.Require(config.Classes >= 0, $"'num_classes' is {config.Classes}; 0 stands for no classifier")
            .Require(config.Tokens > 0, "img_size or num_frames is smaller than one tubelet");
        json.Finish();
        return config;
    }

    /// <inheritdoc/>
    protected override VideoMaeConfig Settle(VideoMaeConfig config, TensorSource source) =>
        Prefix(source).EndsWith(PreTraining, StringComparison.Ordinal)
            ? config with { MeanPooling = false, Pooled = false, Classes = 0 }
            : config;

    /// <inheritdoc/>
    protected override HookedModel Build(VideoMaeConfig config) => new VideoMae(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(VideoMaeConfig config, TensorSource source)
    {
        var prefix = Prefix(source);
        var map = new WeightMap();
        if (!config.LearnedPositions) map.Compute("pos_embed", () => SinusoidTable.Of(config.Tokens, config.Width));
        map.Under("", prefix, body =>
        {
            body.Pair("patch", "patch_embed.proj").PerBlock(config.Layers, "blocks.{i}.", "blocks.{i}.", block =>
            {
                block.Pair("ln1", "norm1").Pair("ln2", "norm2").Copy("attn.qkv.weight", "attn.qkv.weight")
                    .Pair("attn.out", "attn.proj").Pair("mlp.in", "mlp.fc1").Pair("mlp.out", "mlp.fc2");
                if (config.QkvBias) block.Stack("attn.qkv.bias", "attn.q_bias", WeightMap.Zeros, "attn.v_bias");
                if (config.LayerScale) block.Copy("ls1", "gamma_1").Copy("ls2", "gamma_2");
                if (config.CosineLimit is not null) block.Copy("attn.cosine_scale", "attn.scale");
            });
            if (config.LearnedPositions) body.Copy("pos_embed", "pos_embed");
            body.Pair("ln_final", config.MeanPooling ? "fc_norm" : "norm");
            if (config.Classes > 0) body.Pair("head", "head");
        });
        // A training checkpoint carries more than weights.
        map.Ignore("optimizer.*", "only training reads it");
        if (!prefix.EndsWith(PreTraining, StringComparison.Ordinal)) return map;
        var root = prefix[..^PreTraining.Length];
        return map.Ignore(root + "decoder.*", "only masked pre-training reads it").Ignore(root + "encoder_to_decoder.*", "only masked pre-training reads it")
            .Ignore(root + "mask_token", "only masked pre-training reads it");
    }

    // "model." on the hub, "module." or "model." in a .pth, "encoder." behind it where the checkpoint is one of pre-training.
    private static string Prefix(TensorSource source) =>
        source.Names.FirstOrDefault(name => name.EndsWith(Anchor, StringComparison.Ordinal)) is { } name ? name[..^Anchor.Length] : "";
}
