using System.Text.Json;
using Prisma.Core;

namespace Prisma.Vision;

/// <summary>What of an open_clip image tower made of a timm model enters the forward pass.</summary>
public sealed record TimmTowerConfig
{
    /// <summary>The timm model.</summary>
    public required TimmVitConfig Trunk { get; init; }

    /// <summary>How it reaches the joint space.</summary>
    public TimmProjection Projection { get; init; }

    /// <summary>Whether the projection's last layer has a bias.</summary>
    public bool Bias { get; init; }

    /// <summary>The width of the joint space.</summary>
    public required int JointWidth { get; init; }

    /// <summary>Reads an open_clip <c>vision_cfg</c> with a <c>timm_model_name</c>; its reading is finished here.</summary>
    /// <param name="json">The object.</param>
    /// <param name="embedding">The width of the joint space.</param>
    /// <param name="where">The configuration, for messages.</param>
    /// <exception cref="CheckpointException">Lists every fault; a timm architecture that is not built is one.</exception>
    public static TimmTowerConfig Read(ConfigReader json, int embedding, string where)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.Ignore("timm_drop", "timm_drop_path", "patch_dropout", "attn_pooler_queries", "attn_pooler_heads", "image_seq_len")
            .Ignore("layers", "width", "head_width", "mlp_ratio", "patch_size", "ls_init_value");  // the model's name settles these
        var name = json.Text("timm_model_name");
        var (height, width) = json.Sides("image_size", 224);
        // Left out they have a default; null switches them off.
        var pool = json.IsNull("timm_pool") ? "" : json.Text("timm_pool", "avg");
        var projection = json.IsNull("timm_proj") ? "" : json.Text("timm_proj", "linear");
        json.Require(projection is "" or "none" or "linear" or "mlp", $"timm_proj '{projection}' is not built; linear, mlp and none are")
            .Require(pool is not ("abs_attn" or "rot_attn"), $"timm_pool '{pool}' is not built");
        var bias = json.Bool("timm_proj_bias", false);
        var own = json.Object("timm_model_kwargs", required: false);
        json.Finish();
        var apart = projection is "linear" or "mlp";
        var trunk = ReadTrunk(name, own, (height, width), apart ? null : (pool, projection == "none" ? 0 : embedding), where);
        if (apart) trunk = trunk with { Classes = 0, Pool = pool.Length > 0 ? TimmVitConfig.PoolNamed(pool) ?? trunk.Pool : trunk.Pool };
        return new TimmTowerConfig
        {
            Trunk = trunk,
            Projection = projection switch { "linear" => TimmProjection.Linear, "mlp" => TimmProjection.Mlp, _ => TimmProjection.Trunk },
            Bias = bias,
            JointWidth = embedding,
        };
    }

    // Where the projection is a layer of its own, timm builds the model as its name says and changes the pooling afterwards.
    private static TimmVitConfig ReadTrunk(string name, JsonElement own, (int Height, int Width) size, (string Pool, int Classes)? head, string where)
    {
        foreach (var (table, read) in new (string, Func<ConfigReader, TimmVitConfig>)[] { ("vit", TimmVitConfig.Read), ("eva", TimmEvaFamily.Read) })
            if (TimmArguments.Table(table).TryGetValue(name, out var named)) return read(TimmArguments.Over(named, own, size, head, $"{where}, {name}"));
        throw new CheckpointException($"{where}: the timm model '{name}' is not built as an image tower; timm's VisionTransformer and Eva architectures are.");
    }
}
