using System.Text.Json;
using Prisma.Core;
using Prisma.Text;

namespace Prisma.Vision;

/// <summary>The towers of a CLIP checkpoint in the Hugging Face layout.</summary>
public sealed record ClipConfig
{
    /// <summary>The image tower.</summary>
    public required ClipVisionConfig Vision { get; init; }

    /// <summary>The text tower; null where the checkpoint is an image tower alone.</summary>
    public ClipTextConfig? Text { get; init; }
}

/// <summary>
/// CLIP and MetaCLIP 2 in the Hugging Face layout: CLIPModel, CLIPVisionModel, CLIPVisionModelWithProjection, and the same names of MetaClip2, whose text
/// is always pooled at its first end token. The text tower alone is <see cref="ClipTextFamily"/>. Quick GELU is what a configuration without <c>hidden_act</c> means. Other picture sizes interpolate the
/// positions bicubically without antialiasing, as the reference does.
/// </summary>
public sealed class ClipFamily : ModelFamily<ClipConfig>
{
    /// <inheritdoc/>
    public override string Name => "clip";

    /// <inheritdoc/>
    protected override ClipConfig TinyConfig => new()
    {
        Vision = new() { Width = 16, Layers = 2, Heads = 2, Hidden = 24, Patch = 4, Image = 16, Projection = 12 },
        Text = new() { Width = 12, Layers = 2, Heads = 3, Hidden = 20, Vocabulary = 40, Context = 8, EndId = 39, Projection = 12 },
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) =>
        folder.ModelType is "clip" or "clip_vision_model" or "metaclip_2" or "metaclip_2_vision_model" && !Plain(folder.Architecture).StartsWith("CLIPTextModel", StringComparison.Ordinal);

    /// <inheritdoc/>
    protected override ClipConfig ReadConfig(ModelFolder folder)
    {
        var where = Path.Combine(folder.Path, folder.ConfigFile);
        var json = new ConfigReader(folder.Config, where).Ignore("logit_scale_init_value");
        var (second, alone) = (folder.ModelType.StartsWith("metaclip_2", StringComparison.Ordinal), folder.ModelType.EndsWith("_vision_model", StringComparison.Ordinal));
        var towers = folder.Architecture.Length > 0 ? Plain(folder.Architecture) : alone ? "CLIPVisionModel" : "CLIPModel";
        json.Require(towers is "CLIPModel" or "CLIPVisionModel" or "CLIPVisionModelWithProjection",
            $"the architecture '{towers}' is not built; CLIPModel, CLIPVisionModel, CLIPVisionModelWithProjection, CLIPTextModel and CLIPTextModelWithProjection are");
        if (towers != "CLIPModel" && alone)
            return new ClipConfig { Vision = ClipVisionConfig.Read(json, towers == "CLIPVisionModelWithProjection" ? null : 0) };
        var projection = json.Int("projection_dim", 512);
        json.Finish();
        var vision = Tower(folder.Config, "vision_config", where);
        if (towers == "CLIPModel")
        {
            var text = ClipTextConfig.Read(Tower(folder.Config, "text_config", where), projection);
            return new ClipConfig { Vision = ClipVisionConfig.Read(vision, projection), Text = second ? text with { Pooling = ClipPooling.FirstEnd } : text };
        }
        return new ClipConfig { Vision = ClipVisionConfig.Read(vision, towers == "CLIPVisionModelWithProjection" ? null : 0) };
    }

    /// <inheritdoc/>
    protected override HookedModel Build(ClipConfig config) =>
        config.Text is { } text ? new ClipModel(new ClipVision(config.Vision), new ClipText(text)) : new ClipVisionModel(new ClipVision(config.Vision));

    /// <inheritdoc/>
    protected override WeightMap Weights(ClipConfig config, TensorSource source)
    {
        var (vision, text) = (config.Text is null ? "" : "vision.", "text.");
        var visionPrefix = ClipWeights.Prefix(source, "embeddings.class_embedding", "vision_model.");
        var root = visionPrefix.EndsWith("vision_model.", StringComparison.Ordinal) ? visionPrefix[..^"vision_model.".Length] : "";
        var map = new WeightMap().Under(vision, visionPrefix, tower => tower
            .Copy("cls_token", "embeddings.class_embedding")
            .Copy("patch.weight", "embeddings.patch_embedding.weight")
            .Copy("pos_embed", "embeddings.position_embedding.weight")
            .Ignore("embeddings.position_ids", "0, 1, 2, …")
            .Pair("ln_pre", "pre_layrnorm")  // so spelt
            .HuggingFaceBlocks(config.Vision.Layers)
            .Pair("ln_final", "post_layernorm"));
        if (config.Vision.Projection > 0) map.Copy(vision + "head.weight", root + "visual_projection.weight");
        if (config.Text is not { } textConfig) return map;
        return map
            .Under(text, ClipWeights.Prefix(source, "embeddings.token_embedding.weight", root + "text_model."), tower => tower.HuggingFaceText(textConfig.Layers))
            .Copy(text + "head.weight", root + "text_projection.weight")
            .Copy("logit_scale", root + "logit_scale");
    }

    private static string Plain(string architecture) => architecture.Replace("MetaClip2", "CLIP", StringComparison.Ordinal);

    // Older files have a "…_config_dict" beside; where it is no null it replaces the object, as in the reference.
    private static ConfigReader Tower(JsonElement config, string key, string where)
    {
        foreach (var name in new[] { key + "_dict", key })
            if (config.TryGetProperty(name, out var tower) && tower.ValueKind != JsonValueKind.Null)
                return new ConfigReader(tower, $"{where}, {name}");
        return new ConfigReader(JsonSerializer.SerializeToElement(new { }), $"{where}, {key} (absent)");
    }
}
