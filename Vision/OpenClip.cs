using System.Text.Json;
using Prisma.Core;
using Prisma.Text;

namespace Prisma.Vision;

/// <summary>The towers of an open_clip checkpoint.</summary>
public sealed record OpenClipConfig
{
    /// <summary>The image tower; null where it is timm's.</summary>
    public ClipVisionConfig? Vision { get; init; }

    /// <summary>The image tower where it is timm's.</summary>
    public TimmTowerConfig? Timm { get; init; }

    /// <summary>The text tower; null where it is transformers'.</summary>
    public ClipTextConfig? Text { get; init; }

    /// <summary>The text tower where it is transformers'.</summary>
    public RobertaTextConfig? Roberta { get; init; }

    /// <summary>Whether the logits have a bias (models trained with a sigmoid loss).</summary>
    public bool LogitBias { get; init; }
}

/// <summary>
/// CLIP in open_clip's layout: <c>open_clip_config.json</c> with its <c>model_cfg</c>, packed q, k and v, projections stored [d, e], the
/// text tower bare or under <c>text.</c>. Built are the Vision Transformer, timm's VisionTransformer and Eva (SigLIP's and EVA-CLIP's towers among
/// them), the Transformer text tower and transformers' RoBERTa and XLM-R, and CoCa's two towers without its captioner; ResNets and other text
/// towers of transformers are refused by name. Other picture sizes interpolate the positions bicubically with antialiasing, as the reference does
/// when it loads for another size.
/// </summary>
public sealed class OpenClipFamily : ModelFamily<OpenClipConfig>
{
    private static readonly string[] s_unbuilt = ["qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc", "use_pad_mask"];

    /// <inheritdoc/>
    public override string Name => "open_clip";

    /// <inheritdoc/>
    protected override OpenClipConfig TinyConfig => new()
    {
        Vision = new() { Width = 16, Layers = 2, Heads = 2, Hidden = 24, Patch = 4, Image = 16, Activation = "gelu", LayerScale = true, Projection = 12, Antialias = true },
        Text = new()
        {
            Width = 12,
            Layers = 2,
            Heads = 3,
            Hidden = 20,
            Vocabulary = 40,
            Context = 8,
            Activation = "gelu",
            LayerScale = true,
            Pooling = ClipPooling.GreatestId,
            Projection = 12,
        },
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) => folder.Config.TryGetProperty("model_cfg", out _);

    /// <inheritdoc/>
    protected override OpenClipConfig ReadConfig(ModelFolder folder)
    {
        var where = Path.Combine(folder.Path, folder.ConfigFile) + ", model_cfg";
        var json = new ConfigReader(folder.Config.TryGetProperty("model_cfg", out var model) ? model : folder.Config, where)
            .Ignore("init_logit_scale", "init_logit_bias");
        var embedding = json.Int("embed_dim");
        var quick = json.Bool("quick_gelu", false);
        var vision = new ConfigReader(json.Object("vision_cfg"), where + ".vision_cfg");
        var text = new ConfigReader(json.Object("text_cfg"), where + ".text_cfg");
        json.Finish();
        var towers = vision.Has("timm_model_name")
            ? new OpenClipConfig { Timm = TimmTowerConfig.Read(vision, embedding, where + ".vision_cfg") }
            : new OpenClipConfig { Vision = ReadVision(vision, embedding, quick) };
        return text.Has("hf_model_name")
            ? towers with { Roberta = RobertaTextConfig.Read(text, embedding, where + ".text_cfg") }
            : towers with { Text = ReadText(text, embedding, quick) };
    }

    /// <inheritdoc/>
    protected override HookedModel Build(OpenClipConfig config) =>
        new ClipModel(
            config.Timm is { } timm ? new TimmTower(timm) : new ClipVision(config.Vision!),
            config.Roberta is { } roberta ? new RobertaText(roberta) : new ClipText(config.Text!),
            config.LogitBias);

    /// <inheritdoc/>
    protected override OpenClipConfig Settle(OpenClipConfig config, TensorSource source) => config with { LogitBias = source.Contains(Root(source) + "logit_bias") };

    // A checkpoint saved in the middle of training has its model under "state_dict.", often "state_dict.module.".
    /// <inheritdoc/>
    protected override WeightMap Weights(OpenClipConfig config, TensorSource source)
    {
        var root = Root(source);
        var text = source.Names.Any(name => name.StartsWith(root + "text.", StringComparison.Ordinal)) ? "text." : "";
        return new WeightMap().Ignore("optimizer.*", "training state").Ignore("scaler.*", "training state").Under("", root, model =>
        {
            model.Copy("logit_scale", "logit_scale").Ignore("attn_mask", "the causal mask").Ignore("text_decoder.*", "CoCa's captioner, which is not built");
            if (config.LogitBias) model.Copy("logit_bias", "logit_bias");
            if (config.Timm is { } timm) model.Under("vision.", "visual.", tower => Timm(tower, timm, source));
            if (config.Vision is { } vision) model.Under("vision.", "visual.", tower =>
            {
                tower.Copy("cls_token", "class_embedding").Copy("patch.weight", "conv1.weight").Copy("pos_embed", "positional_embedding")
                    .OpenClipBlocks(vision.Layers, vision.LayerScale)
                    .Pair("ln_final", "ln_post").Copy("head.weight", "proj", matrix => matrix.t());
                if (vision.PreNorm) tower.Pair("ln_pre", "ln_pre");
                if (vision.PoolQueries > 0) tower.Under("head.", "attn_pool.", pool => Pool(pool, vision));
            });
            if (config.Roberta is { } roberta) model.Under("text.", text, tower => Roberta(tower, roberta));
            if (config.Text is { } plain) model.Under("text.", text, tower =>
            {
                tower.Copy("token_embed", "token_embedding.weight").Copy("pos_embed", "positional_embedding")
                    .OpenClipBlocks(plain.Layers, plain.LayerScale).Pair("ln_final", "ln_final");
                if (plain.ClassToken) tower.Copy("cls_token", "cls_emb");
                if (plain.ProjectionBias) tower.Pair("head", "text_projection");
                else tower.Copy("head.weight", "text_projection", matrix => matrix.t());
                if (text.Length > 0) tower.Ignore("attn_mask", "the causal mask");
            });
        });
    }

    private static string Root(TensorSource source) => ClipWeights.Prefix(source, "logit_scale", "");

    private static void Timm(WeightMap tower, TimmTowerConfig config, TensorSource source)
    {
        tower.Under("", "trunk.", trunk => trunk.Timm(config.Trunk, source).Ignore("rope.*", "follows from the grid"));
        if (config.Projection == TimmProjection.Trunk) return;
        var mlp = config.Projection == TimmProjection.Mlp;
        if (mlp) tower.Pair("proj_in", "head.mlp.fc1");
        tower.Copy("proj.weight", mlp ? "head.mlp.fc2.weight" : "head.proj.weight");
        if (config.Bias) tower.Copy("proj.bias", mlp ? "head.mlp.fc2.bias" : "head.proj.bias");
    }

    // Queries, keys and values are packed where the widths are equal, as torch's MultiheadAttention does it; their biases always.
    private static void Pool(WeightMap pool, ClipVisionConfig config)
    {
        pool.Copy("query", "query").Pair("query_ln", "ln_q").Pair("ln", "ln_k").Pair("out", "attn.out_proj");
        var (width, packed) = (config.Projection, config.Projection == config.Width);
        foreach (var (name, at) in new[] { ("q", 0), ("k", 1), ("v", 2) })
        {
            if (packed) pool.Copy(name + ".weight", "attn.in_proj_weight", all => all.narrow(0, at * width, width));
            else pool.Copy(name + ".weight", $"attn.{name}_proj_weight");
            pool.Copy(name + ".bias", "attn.in_proj_bias", all => all.narrow(0, at * width, width));
        }
    }

    private static void Roberta(WeightMap tower, RobertaTextConfig config)
    {
        const string Self = "attention.self.";
        tower.Under("", "transformer.", model => model
            .Copy("token_embed", "embeddings.word_embeddings.weight").Copy("pos_embed", "embeddings.position_embeddings.weight")
            .Copy("type_embed", "embeddings.token_type_embeddings.weight").Pair("ln_pre", "embeddings.LayerNorm")
            .Ignore("embeddings.position_ids", "0, 1, 2, …").Ignore("embeddings.token_type_ids", "zeros").Ignore("pooler.*", "the mean is pooled")
            .PerBlock(config.Layers, "blocks.{i}.", "encoder.layer.{i}.", block => block
                .Stack("attn.qkv.weight", Self + "query.weight", Self + "key.weight", Self + "value.weight")
                .Stack("attn.qkv.bias", Self + "query.bias", Self + "key.bias", Self + "value.bias")
                .Pair("attn.out", "attention.output.dense").Pair("ln1", "attention.output.LayerNorm")
                .Pair("mlp.in", "intermediate.dense").Pair("mlp.out", "output.dense").Pair("ln2", "output.LayerNorm")));
        if (config.ProjectionHidden > 0) tower.Copy("head_in.weight", "proj.0.weight").Copy("head.weight", "proj.2.weight");
        else tower.Copy("head.weight", "proj.weight");
    }

    private static ClipVisionConfig ReadVision(ConfigReader json, int embedding, bool quick)
    {
        json.Require(!json.IsList("layers"), "the image tower is a ModifiedResNet, which is not built; Vision Transformers are")
            .Ignore("patch_dropout", "image_seq_len", "timm_drop", "timm_drop_path")
            .Require(!json.IsText("attentional_pool"), "'attentional_pool' by name (parallel, cascade) is not built; true and false are");
        RefuseUnbuilt(json);
        json.Check();
        json.Require(json.Text("pos_embed_type", "learnable") is "learnable" or "sin_cos_2d", "only pos_embed_type learnable and sin_cos_2d are built");
        var pooling = json.Text("pool_type", "tok");
        json.Require(pooling is "tok" or "avg", $"pool_type '{pooling}' is not built; tok and avg are");
        var width = json.Int("width", 768);
        var heads = width / json.Int("head_width", 64);
        var (queries, poolHeads) = (json.Int("attn_pooler_queries", 256), json.Int("attn_pooler_heads", 8));
        var config = new ClipVisionConfig
        {
            Width = width,
            Layers = json.Int("layers", 12),
            Heads = heads,
            Hidden = (int)(width * json.Double("mlp_ratio", 4)),
            Patch = json.Side("patch_size", 16),
            Image = json.Side("image_size", 224),
            Activation = ReadActivation(json, quick),
            Eps = ReadEps(json),
            PreNorm = !json.Bool("no_ln_pre", false),
            LayerScale = HasLayerScale(json),
            MeanPooling = pooling == "avg",
            NormAfterPooling = json.Bool("final_ln_after_pool", false),
            PoolQueries = json.Bool("attentional_pool", false) ? queries : 0,
            PoolHeads = poolHeads,
            Projection = embedding,
            Antialias = true,
        };
        json.Require(config.PoolQueries == 0 || embedding % poolHeads == 0, $"{poolHeads} pooling heads do not divide the width {embedding}");
        json.Require(heads > 0 && width % heads == 0, $"{heads} attention heads do not divide the width {width}")
            .Require(config.Image >= config.Patch, $"a picture of {config.Image} pixels holds no patch of {config.Patch}");
        json.Finish();
        return config;
    }

    private static ClipTextConfig ReadText(ConfigReader json, int embedding, bool quick)
    {
        RefuseUnbuilt(json);
        json.Check();
        json.RequireText("text_arch", "clip").RequireText("proj_type", "linear").Ignore("bos_id");
        var pooling = json.Text("pool_type", "argmax");
        json.Require(pooling is "argmax" or "first" or "last" or "eos", $"pool_type '{pooling}' is not built; argmax, first, last and eos are")
            .Require(!json.Bool("final_ln_after_pool", false), "final_ln_after_pool of the text tower is not built")
            .Require(pooling != "eos" || json.Has("eos_id"), "pool_type eos needs 'eos_id'");
        var width = json.Int("width", 512);
        var config = new ClipTextConfig
        {
            Width = width,
            Layers = json.Int("layers", 12),
            Heads = json.Int("heads", 8),
            Hidden = (int)(width * json.Double("mlp_ratio", 4)),
            Vocabulary = json.Int("vocab_size", 49408),
            Context = json.Int("context_length", 77),
            Activation = ReadActivation(json, quick),
            Eps = ReadEps(json),
            Causal = !json.Bool("no_causal_mask", false),
            LayerScale = HasLayerScale(json),
            Pooling = pooling switch
            {
                "first" => ClipPooling.First,
                "last" => ClipPooling.Last,
                "eos" => ClipPooling.FirstEnd,
                _ => ClipPooling.GreatestId,
            },
            EndId = json.AnyInt("eos_id", -1),
            ClassToken = json.Bool("embed_cls", false),
            PadId = json.AnyInt("pad_id", 0),
            Projection = embedding,
            ProjectionBias = json.Bool("proj_bias", false),
        };
        json.Require(width % config.Heads == 0, $"{config.Heads} attention heads do not divide the width {width}");
        json.Finish();
        return config;
    }

    private static void RefuseUnbuilt(ConfigReader json)
    {
        json.RefuseSwitchedOn(s_unbuilt).RequireText("block_type", "default");
    }

    // A scale of any start value: the tensors hold the trained one.
    private static bool HasLayerScale(ConfigReader json)
    {
        json.Ignore("ls_init_value");
        return json.Has("ls_init_value");
    }

    private static string ReadActivation(ConfigReader json, bool quick)
    {
        var options = json.Object("act_kwargs", required: false);
        var tanh = options.TryGetProperty("approximate", out var kind) && kind.ValueEquals("tanh");
        json.Require(!(quick && options.EnumerateObject().Any()), "quick_gelu takes no act_kwargs");
        return quick ? "quick_gelu" : tanh ? "gelu_pytorch_tanh" : "gelu";
    }

    private static double ReadEps(ConfigReader json) =>
        json.Object("norm_kwargs", required: false).TryGetProperty("eps", out var eps) && eps.ValueKind == JsonValueKind.Number ? eps.GetDouble() : 1e-5;
}
