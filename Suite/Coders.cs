using Prisma.Core;
using Prisma.Sae;

namespace Prisma;

/// <summary>Where to start: loads sparse autoencoders and transcoders of every known format.</summary>
public static class Coders
{
    /// <summary>The formats of all libraries; the one list of assemblies in which they are found.</summary>
    public static CoderCatalog Catalog { get; } = new(typeof(CoderFormat).Assembly);

    /// <summary>
    /// Loads the one coder at a path: a file, a folder searched downwards, a name of the registry, or a repository of the hub with the path in it
    /// (<c>google/gemma-scope-2b-pt-res/layer_0/width_16k/average_l0_105</c>), which is fetched where the cache does not have it. Dispose it.
    /// </summary>
    /// <exception cref="CheckpointException">There is none, there are several, it is damaged or leaves something open.</exception>
    /// <exception cref="OptionsException">An option does not apply to it.</exception>
    /// <exception cref="HubException">It cannot be fetched.</exception>
    public static ISparseCoder Load(string path, CoderOptions? options = null) => Catalog.Open(Find(path), options);

    /// <summary>The same, also for sets of transcoders, cross-layer transcoders and crosscoders. Dispose it.</summary>
    /// <exception cref="CheckpointException">There is none, there are several, it is damaged or leaves something open.</exception>
    /// <exception cref="OptionsException">An option does not apply to it.</exception>
    /// <exception cref="HubException">It cannot be fetched.</exception>
    public static ICoder LoadAny(string path, CoderOptions? options = null) => Catalog.OpenAny(Find(path), options);

    /// <summary>The file or folder of a coder, fetched where it has to be.</summary>
    /// <exception cref="CheckpointException">Nothing is called so.</exception>
    /// <exception cref="HubException">It cannot be fetched.</exception>
    public static string Find(string path, IProgress<HubProgress>? progress = null, CancellationToken stop = default) =>
        Path.Exists(path) ? path : new Locator().Coder(path, progress, stop);
}
