using System.Text.Json;
using Prisma.Core;

namespace Prisma.Vision;

/// <summary>What of the arguments of timm's VisionTransformer enters the forward pass.</summary>
public sealed record TimmVitConfig
{
    // Training, or how a picture gets to the model's size: other sizes interpolate here whatever dynamic_img_size says.
    internal static readonly string[] Idle =
    [
        "dynamic_img_size", "strict_img_size", "weight_init", "fix_init", "drop_rate", "pos_drop_rate", "patch_drop_rate", "proj_drop_rate", "attn_drop_rate",
        "drop_path_rate", "pretrained_strict", "features_only", "out_indices", "head_init_scale",
    ];

    /// <summary>The stack.</summary>
    public required VitStackConfig Stack { get; init; }

    /// <summary>Pooling.</summary>
    public TimmPool Pool { get; init; }

    /// <summary>Whether pooling reads the tokens before the patches too.</summary>
    public bool PoolsPrefix { get; init; }

    /// <summary>The heads of attention pooling; the stack's where null.</summary>
    public int? PoolHeads { get; init; }

    /// <summary>The hidden width of the MLP of attention pooling.</summary>
    public int PoolHidden { get; init; }

    /// <summary>The activation of the MLP of attention pooling.</summary>
    public string PoolActivation { get; init; } = "gelu";

    /// <summary>Whether the final norm normalises all tokens.</summary>
    public bool Norm { get; init; } = true;

    /// <summary>Whether the final norm normalises what was pooled.</summary>
    public bool PooledNorm { get; init; }

    /// <summary>Classes; 0 where there is no classifier.</summary>
    public int Classes { get; init; }

    /// <summary>Reads the arguments; their reading is finished here.</summary>
    /// <exception cref="CheckpointException">Lists every fault.</exception>
    public static TimmVitConfig Read(ConfigReader json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.Ignore(Idle).Require(!json.IsSwitchedOn("dynamic_img_pad"), "'dynamic_img_pad' is not built");
        foreach (var key in new[] { "block_fn", "attn_layer", "embed_norm_layer", "embed_layer" })
            json.Require(!json.Has(key), $"'{key}' other than the default is not built");
        var (rootMeanSquare, eps) = ReadNorm(json);
        var pool = ReadPool(json);
        var (width, patch, ratio) = (json.Int("embed_dim", 768), json.Side("patch_size", 16), json.Double("mlp_ratio", 4));
        var (height, across) = json.Sides("img_size", 224);
        var classToken = json.Bool("class_token", true);
        var preNorm = json.Bool("pre_norm", false);
        var mlp = json.Text("mlp_layer", "Mlp");
        json.Require(mlp is "Mlp" or "SwiGLU" or "SwiGLUPacked", $"mlp_layer '{mlp}' is not built; Mlp, SwiGLU and SwiGLUPacked are");
        var hidden = (int)(width * ratio);
        var stack = new VitStackConfig
        {
            Width = width,
            Layers = json.Int("depth", 12),
            Heads = json.Int("num_heads", 12),
            Hidden = mlp == "SwiGLUPacked" ? hidden / 2 : hidden,
            Patch = patch,
            Rows = height / patch,
            Columns = across / patch,
            Channels = json.Int("in_chans", 3),
            PatchBias = !preNorm,
            ClassToken = classToken,
            DistillationToken = json.Bool("distilled", false),
            Registers = json.AnyInt("reg_tokens", 0),
            Positions = ReadPositions(json),
            Antialias = true,
            PreNorm = preNorm,
            RootMeanSquare = rootMeanSquare,
            Eps = eps,
            Activation = json.Activation("act_layer", "gelu"),
            Gated = mlp != "Mlp",
            QkvBias = json.Bool("qkv_bias", true),
            OutBias = json.Bool("proj_bias", true),
            HeadNorm = json.Bool("qk_norm", false),
            LayerScale = json.Double("init_values", 0) != 0,
            AttentionNorm = json.Bool("scale_attn_norm", false),
            NeuronNorm = json.Bool("scale_mlp_norm", false),
        };
        stack.Check(json);
        var pooledNorm = json.Has("fc_norm") ? json.Bool("fc_norm", false) : pool is TimmPool.Average or TimmPool.AverageMax or TimmPool.Max;
        var norm = json.Bool("final_norm", true);
        var config = new TimmVitConfig
        {
            Stack = stack,
            Pool = pool,
            PoolsPrefix = json.Bool("pool_include_prefix", false),
            PoolHidden = hidden,
            PoolActivation = stack.Activation,
            Norm = norm && !pooledNorm,
            PooledNorm = norm && pooledNorm,
            Classes = json.AnyInt("num_classes", 1000),
        };
        json.Require(classToken || pool != TimmPool.Token, "pooling the class token needs one")
            .Require(pool != TimmPool.None || config.Classes == 0, "a classifier on every token is not built")
            .Require(!stack.DistillationToken || pool == TimmPool.Token, "the distilled form pools tokens only")
            .Require(stack.Registers >= 0 && config.Classes >= 0, "'reg_tokens' and 'num_classes' are no negative numbers");
        json.Finish();
        return config;
    }

    internal static (bool RootMeanSquare, double Eps) ReadNorm(ConfigReader json)
    {
        const double Default = 1e-6;
        if (!json.Has("norm_layer")) return (false, Default);
        // The table says {layer, eps} where timm's constructor fixes ε; a name alone means timm's own layers.
        var detailed = json.IsObject("norm_layer") ? json.Object("norm_layer") : default;
        var name = detailed.ValueKind == JsonValueKind.Object ? detailed.GetProperty("layer").GetString()! : json.Text("norm_layer");
        json.Require(name is "layernorm" or "rmsnorm", $"norm_layer '{name}' is not built; layernorm and rmsnorm are");
        return (name == "rmsnorm", detailed.ValueKind == JsonValueKind.Object && detailed.TryGetProperty("eps", out var eps) ? eps.GetDouble() : Default);
    }

    private static VitPositions ReadPositions(ConfigReader json)
    {
        var kind = json.Text("pos_embed", "learn");
        json.Require(kind is "learn" or "none" or "", $"pos_embed '{kind}' is not built; learn and none are");
        return kind != "learn" ? VitPositions.None : json.Bool("no_embed_class", false) ? VitPositions.Patches : VitPositions.All;
    }

    internal static TimmPool ReadPool(ConfigReader json, string fallback = "token")
    {
        var name = json.Text("global_pool", fallback);
        var pool = PoolNamed(name);
        json.Require(pool is not null, $"global_pool '{name}' is not built; token, avg, max, avgmax and map are");
        return pool ?? TimmPool.Token;
    }

    /// <summary>The pooling that timm calls so; null where it is not built.</summary>
    internal static TimmPool? PoolNamed(string name) => name switch
    {
        "token" => TimmPool.Token,
        "avg" => TimmPool.Average,
        "max" => TimmPool.Max,
        "avgmax" => TimmPool.AverageMax,
        "map" => TimmPool.Attention,
        "" => TimmPool.None,
        _ => null,
    };
}
