using Prisma.Core;

namespace Prisma.Text;

/// <summary>
/// CLIP's text tower alone in the Hugging Face layout: CLIPTextModel and CLIPTextModelWithProjection, such as the text encoders of
/// diffusion models.
/// </summary>
public sealed class ClipTextFamily : ModelFamily<ClipTextConfig>
{
    private const string Tokens = "embeddings.token_embedding.weight";

    /// <inheritdoc/>
    public override string Name => "clip_text";

    /// <inheritdoc/>
    protected override ClipTextConfig TinyConfig => new()
    {
        Width = 16,
        Layers = 2,
        Heads = 2,
        Hidden = 24,
        Vocabulary = 40,
        Context = 8,
        EndId = 39,
        Projection = 12,
    };

    /// <inheritdoc/>
    public override bool Claims(ModelFolder folder) =>
        folder.ModelType == "clip_text_model" || folder.Architecture.StartsWith("CLIPTextModel", StringComparison.Ordinal);

    /// <inheritdoc/>
    protected override ClipTextConfig ReadConfig(ModelFolder folder)
    {
        var json = new ConfigReader(folder.Config, Path.Combine(folder.Path, folder.ConfigFile));
        json.Require(folder.Architecture is "CLIPTextModel" or "CLIPTextModelWithProjection" or "",
            $"the architecture '{folder.Architecture}' is not built; CLIPTextModel and CLIPTextModelWithProjection are");
        return ClipTextConfig.Read(json, folder.Architecture == "CLIPTextModelWithProjection" ? null : 0);
    }

    /// <inheritdoc/>
    protected override HookedModel Build(ClipTextConfig config) => new ClipTextModel(config);

    /// <inheritdoc/>
    protected override WeightMap Weights(ClipTextConfig config, TensorSource source)
    {
        var prefix = ClipWeights.Prefix(source, Tokens, "text_model.");
        var map = new WeightMap().Under("", prefix, text => text.HuggingFaceText(config.Layers));
        if (config.Projection > 0) map.Copy("head.weight", "text_projection.weight");
        return map;
    }
}
