namespace Prisma.Sae;

/// <summary>Opens coders from files: the formats of this library.</summary>
public static class CoderFile
{
    /// <summary>The formats of this library.</summary>
    public static CoderCatalog Catalog { get; } = new(typeof(CoderFile).Assembly);

    /// <summary>Opens the one coder at a path: a file, or a folder searched downwards. The caller disposes it.</summary>
    /// <exception cref="Core.CheckpointException">There is none, there are several, it is damaged or leaves something open.</exception>
    /// <exception cref="Core.OptionsException">An option does not apply to it.</exception>
    public static ISparseCoder Open(string path, CoderOptions? options = null) => Catalog.Open(path, options);

    /// <summary>Opens the one coder at a path, also sets of transcoders, cross-layer transcoders and crosscoders. The caller disposes it.</summary>
    /// <exception cref="Core.CheckpointException">There is none, there are several, it is damaged or leaves something open.</exception>
    /// <exception cref="Core.OptionsException">An option does not apply to it.</exception>
    public static ICoder OpenAny(string path, CoderOptions? options = null) => Catalog.OpenAny(path, options);
}
