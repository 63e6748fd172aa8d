using Prisma.Core;
using Prisma.Diffusion;
using Prisma.Text;
using Prisma.Video;
using Prisma.Vision;
using static TorchSharp.torch;

namespace Prisma;

/// <summary>Where to start: loads models of every family of the product.</summary>
public static class Models
{
    /// <summary>The families of all libraries; the one list of assemblies in which they are found.</summary>
    public static ModelCatalog Catalog { get; } = new(
        typeof(VitFamily).Assembly, typeof(ClipTextFamily).Assembly, typeof(VideoMaeFamily).Assembly, typeof(UnetFamily).Assembly);

    /// <summary>
    /// Loads a model: a checkpoint folder, a name of the registry, or a repository of the hub (<c>openai/clip-vit-base-patch32</c>), which is
    /// fetched where the cache does not have it. Dispose the model.
    /// </summary>
    /// <exception cref="CheckpointException">Nothing is called so, or it is damaged, or of no known family.</exception>
    /// <exception cref="HubException">It cannot be fetched.</exception>
    public static HookedModel Load(string path, string? family = null, ScalarType dtype = ScalarType.Float32)
    {
        var known = Path.Exists(path) ? null : Registry.Default.FindModel(path);
        if (known is not null && IsPipeline(known))
            throw new CheckpointException($"'{path}' is a pipeline of several models: TextToImage ('prisma generate') draws with it, and its parts (unet, vae, text_encoder, …) load one by one from its folder's subfolders.");
        return Catalog.Load(Find(path), family ?? known?.Architecture.Family, dtype);
    }

    /// <summary>The folder of a model, fetched where it has to be.</summary>
    /// <param name="path">A folder, a name of the registry, or a repository of the hub.</param>
    /// <param name="needs">What of it is needed.</param>
    /// <param name="progress">Told how a download goes, from several threads.</param>
    /// <param name="stop">Ends a download; what arrived is kept.</param>
    /// <exception cref="CheckpointException">Nothing is called so, or it is of a family that is not built.</exception>
    /// <exception cref="HubException">It cannot be fetched.</exception>
    public static string Find(string path, ModelNeeds needs = ModelNeeds.Weights, IProgress<HubProgress>? progress = null, CancellationToken stop = default)
    {
        if (Path.Exists(path)) return path;
        if (needs == ModelNeeds.Weights && Registry.Default.FindModel(path) is { } known && !IsBuilt(known))
            throw new CheckpointException($"'{path}' is a model of the family {known.Architecture.Family} ({Registry.Default.Families[known.Architecture.Family]}), which is not built. 'prisma pull' fetches its files all the same.");
        return new Locator().Model(path, needs, progress, stop);
    }

    /// <summary>Whether a registered model's family is built, as a model or as a pipeline of several.</summary>
    public static bool IsBuilt(RegisteredModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        return IsPipeline(model) || Catalog.Families.Any(family => family.Name == model.Architecture.Family);
    }

    // Pipelines are opened by TextToImage.
    private static bool IsPipeline(RegisteredModel model) => model.Architecture.Family == TextToImage.Family;

    /// <summary>A registered model without weights, for its places and sizes (of a pipeline, its U-net); null where its family is not built or its configuration is not known. Dispose it.</summary>
    public static HookedModel? Outline(RegisteredModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        var sizes = model.Architecture;
        // Of a pipeline the configuration is the U-net's: its places are what one reads and edits.
        var name = IsPipeline(model) ? new UnetFamily().Name : sizes.Family;
        return sizes is { Config: { } config, ConfigFile: { } file } && Catalog.Families.FirstOrDefault(family => family.Name == name) is { } builder
            ? builder.Outline(ModelFolder.OfConfig(model.Name, file, config))
            : null;
    }
}
