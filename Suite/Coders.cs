using Prisma.Sae;

namespace Prisma;

/// <summary>Where to start: loads sparse autoencoders and transcoders of every known format.</summary>
public static class Coders
{
    /// <summary>The formats of all libraries; the one list of assemblies in which they are found.</summary>
    public static CoderCatalog Catalog { get; } = new(typeof(CoderFormat).Assembly);

    /// <summary>Loads the one coder at a path: a file, or a folder searched downwards. Dispose it.</summary>
    /// <exception cref="Core.CheckpointException">There is none, there are several, it is damaged or leaves something open.</exception>
    /// <exception cref="Core.OptionsException">An option does not apply to it.</exception>
    public static ISparseCoder Load(string path, CoderOptions? options = null) => Catalog.Open(path, options);

    /// <summary>Loads the one coder at a path, also sets of transcoders, cross-layer transcoders and crosscoders. Dispose it.</summary>
    /// <exception cref="Core.CheckpointException">There is none, there are several, it is damaged or leaves something open.</exception>
    /// <exception cref="Core.OptionsException">An option does not apply to it.</exception>
    public static ICoder LoadAny(string path, CoderOptions? options = null) => Catalog.OpenAny(path, options);
}
